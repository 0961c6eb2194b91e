//! Start-up and background work on the store: makes a model live, reads the decision log, and keeps
//! the local copy of the live model.

use std::sync::Arc;
use std::time::Duration;

use model_store::{LiveModel, ModelRegistry, StoreError, Version};
use service_runtime::{CancellationToken, Readiness};
use tokio::time::{MissedTickBehavior, interval};

use crate::live_copy::LiveCopy;
use crate::metrics::Metrics;

/// Keeps the live model in sync with the store.
#[derive(Debug)]
pub(crate) struct StoreSync {
    models: ModelRegistry,
    /// The version to activate if the log is empty.
    first: Version,
    copy: Option<LiveCopy>,
    pub(crate) readiness: Readiness,
    metrics: Metrics,
    poll: Duration,
    /// Whether the store has been reached and its log makes a model live.
    is_established: bool,
    /// The activation in the copy. The sequence number alone is not enough: a replaced store starts
    /// again from 1.
    copied: Option<(u64, String)>,
    store_fault: RepeatedFault,
    copy_fault: RepeatedFault,
}

/// A fault that recurs on each retry. It is logged when it starts and when its message changes.
#[derive(Debug, Default)]
struct RepeatedFault(Option<String>);

impl RepeatedFault {
    /// Whether the message differs from the last one. Ignores digits, because messages of a driver
    /// contain times.
    fn is_new(&mut self, message: &str) -> bool {
        let message = message
            .chars()
            .filter(|one| !one.is_ascii_digit())
            .collect();
        let last = self.0.replace(message);
        self.0 != last
    }

    /// Ends the fault; false if there was none.
    fn clear(&mut self) -> bool {
        self.0.take().is_some()
    }
}

impl StoreSync {
    pub(crate) fn new(
        models: ModelRegistry,
        first: Version,
        copy: Option<LiveCopy>,
        readiness: Readiness,
        metrics: Metrics,
        poll: Duration,
    ) -> Self {
        Self {
            models,
            first,
            copy,
            readiness,
            metrics,
            poll,
            is_established: false,
            copied: None,
            store_fault: RepeatedFault::default(),
            copy_fault: RepeatedFault::default(),
        }
    }

    /// Makes a model live: the one that the log names, or the first version if the log is empty. If
    /// the store cannot be reached, uses the copy, and [`run`](Self::run) keeps trying.
    ///
    /// # Errors
    /// The store can be reached but not used.
    pub(crate) async fn start(&mut self) -> Result<(), StoreError> {
        let Err(error) = self.step().await else {
            return Ok(());
        };
        let StoreError::Unavailable(_) = &error else {
            return Err(error);
        };
        self.metrics.store_failures.inc();
        self.store_fault.is_new(&error.to_string());
        // The address of the store and the reason appear in the log only.
        self.readiness
            .set_not_ready("the store cannot be reached: see the log for the reason");
        match self.copy.as_ref().map(LiveCopy::read) {
            Some(Ok(Some(live))) => {
                tracing::error!(
                    %error,
                    version = live.info.model_version,
                    "predicting with the copy of the last live model until the store is back"
                );
                self.copied = Some(activation_of(&live));
                self.models.live().swap(Arc::new(live));
            }
            Some(Err(unreadable)) => {
                tracing::error!(%error, %unreadable, "no model is live until the store is back");
            }
            _ => tracing::error!(%error, "no model is live until the store is back"),
        }
        Ok(())
    }

    /// Reads the log until shutdown.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut ticks = interval(self.poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            match self.step().await {
                Ok(()) => {
                    if self.store_fault.clear() {
                        tracing::info!("the store is back");
                    }
                }
                Err(error) => {
                    self.metrics.store_failures.inc();
                    if self.store_fault.is_new(&error.to_string()) {
                        tracing::error!(%error, "the store cannot be read; the live model stays");
                    }
                }
            }
        }
    }

    async fn step(&mut self) -> Result<(), StoreError> {
        let synced = self.sync().await;
        // Even if the sync failed: a model may have gone live just before the store was lost.
        self.update_copy().await;
        synced
    }

    async fn sync(&mut self) -> Result<(), StoreError> {
        // There is no champion if an empty store has replaced the earlier one.
        let is_empty = self.is_established && self.models.sync().await?.champion.is_none();
        // A replaced store has no indexes yet. A training may have noticed the replacement first.
        if self.models.take_replaced() || is_empty {
            self.is_established = false;
        }
        if !self.is_established {
            self.establish().await?;
            self.is_established = true;
            self.readiness.set_ready();
        }
        Ok(())
    }

    /// Prepares the store, decides on versions that a crash left undecided, and activates the first
    /// version if nothing is live.
    async fn establish(&self) -> Result<(), StoreError> {
        self.models.store().prepare().await?;
        self.models.decide_pending().await?;
        if self.models.sync().await?.champion.is_some() {
            return Ok(());
        }
        if let Some(live) = self.models.live().get() {
            tracing::warn!(
                version = live.info.model_version,
                "the decision log is empty: the first model replaces the version that was live"
            );
        }
        self.models.submit(&self.first).await?;
        let info = &self.first.info;
        tracing::info!(
            version = info.model_version,
            formula = info.formula,
            rows = info.rows,
            r_squared = format!("{:.4}", info.model.summary().r_squared),
            "trained the first model"
        );
        Ok(())
    }

    /// Writes the copy if the live activation has changed.
    async fn update_copy(&mut self) {
        let (Some(copy), Some(live)) = (&self.copy, self.models.live().get()) else {
            return;
        };
        let activation = activation_of(&live);
        if self.copied.as_ref() == Some(&activation) {
            return;
        }
        let copy = copy.clone();
        let written = tokio::task::spawn_blocking(move || {
            copy.write(&live)
                .map_err(|error| format!("{}: {error}", copy.path().display()))
        });
        match written.await.unwrap_or_else(|panic| Err(panic.to_string())) {
            Ok(()) => {
                self.copied = Some(activation);
                if self.copy_fault.clear() {
                    tracing::info!("the copy of the live model is written again");
                }
            }
            Err(error) if self.copy_fault.is_new(&error) => tracing::warn!(
                error,
                "cannot write the copy of the live model, retrying; \
                 without it, a start while the store is down has no model"
            ),
            Err(_) => {}
        }
    }
}

/// Identifies an activation.
fn activation_of(live: &LiveModel) -> (u64, String) {
    (live.activation.sequence, live.info.model_version.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_new_when_it_starts_and_when_its_message_changes() {
        let mut fault = RepeatedFault::default();
        let is_new = [
            "refused after 12 ms",
            "refused after 9 ms",
            "wrong password",
            "wrong password",
            "refused after 1 ms",
        ]
        .map(|message| fault.is_new(message));
        assert_eq!(is_new, [true, false, true, false, true]);
        assert!(fault.clear() && !fault.clear());
        assert!(fault.is_new("refused after 1 ms"));
    }
}
