//! Start and background work on the store: establish a live model, follow the log, keep the copy.

use std::sync::Arc;
use std::time::Duration;

use service_runtime::{CancellationToken, Readiness};
use tokio::time::{MissedTickBehavior, interval};

use crate::copy::LiveCopy;
use crate::life::Life;
use crate::live::LiveModel;
use crate::metrics::Metrics;
use crate::store::StoreError;
use crate::version::Version;

/// How often the log is read: another replica's decision is live here within twice this time.
const POLL: Duration = Duration::from_millis(500);

/// Keeps what is live in step with the store.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) life: Life,
    /// What to make live where nothing is.
    pub(crate) first: Version,
    /// Where the live model is copied to, if anywhere.
    pub(crate) copy: Option<LiveCopy>,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Metrics,
    /// Whether the store was reached and a model is live by its log.
    pub(crate) established: bool,
    /// The activation that the copy holds: its number and the version. A store that was replaced
    /// gives numbers again.
    pub(crate) copied: Option<(u64, String)>,
    /// Why the store could not be read the last time.
    pub(crate) store_fault: Fault,
    /// Why the copy could not be written the last time.
    pub(crate) copy_fault: Fault,
}

/// A fault that is tried again and again, to be logged when it begins and when it becomes another.
#[derive(Debug, Default)]
pub(crate) struct Fault(Option<String>);

impl Fault {
    /// Whether this is another one than the last time. Numbers do not count: messages of a driver
    /// have times in them.
    fn is_news(&mut self, message: &str) -> bool {
        let message = message
            .chars()
            .filter(|one| !one.is_ascii_digit())
            .collect();
        let last = self.0.replace(message);
        self.0 != last
    }

    /// Whether there was one until now.
    fn ends(&mut self) -> bool {
        self.0.take().is_some()
    }
}

impl Follower {
    /// Makes a model live: by the log, else the first version; where the store cannot be reached,
    /// from the copy, and [`run`](Self::run) goes on trying.
    ///
    /// # Errors
    /// A store that can be reached but not used.
    pub(crate) async fn start(&mut self) -> Result<(), StoreError> {
        let Err(error) = self.step().await else {
            return Ok(());
        };
        let StoreError::Unavailable(_) = &error else {
            return Err(error);
        };
        self.metrics.store_failures.inc();
        self.store_fault.is_news(&error.to_string());
        // Where it is and why it fails is for the log only.
        self.readiness
            .set_not_ready("the store cannot be reached; the log says why");
        match self.copy.as_ref().map(LiveCopy::read) {
            Some(Ok(Some(live))) => {
                tracing::error!(
                    %error,
                    version = live.info.model_version,
                    "a copy of the last live model answers until the store is back"
                );
                self.copied = Some(activation_of(&live));
                self.life.live().swap(Arc::new(live));
            }
            Some(Err(unreadable)) => {
                tracing::error!(%error, %unreadable, "no model is live until the store is back");
            }
            _ => tracing::error!(%error, "no model is live until the store is back"),
        }
        Ok(())
    }

    /// Follows the log until shutdown.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut ticks = interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            match self.step().await {
                Ok(()) => {
                    if self.store_fault.ends() {
                        tracing::info!("the store is back");
                    }
                }
                Err(error) => {
                    self.metrics.store_failures.inc();
                    if self.store_fault.is_news(&error.to_string()) {
                        tracing::error!(%error, "the store cannot be read; the live model stays");
                    }
                }
            }
        }
    }

    async fn step(&mut self) -> Result<(), StoreError> {
        let read = self.read().await;
        // Also where the store is lost: what went live just before is to be copied.
        self.keep_copy().await;
        read
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        // Nothing is live by the log where the store was replaced by an empty one.
        let is_empty = self.established && self.life.follow().await?.champion.is_none();
        // Whoever found that it was, a training perhaps: it is not prepared.
        if self.life.was_replaced() || is_empty {
            self.established = false;
        }
        if !self.established {
            self.establish().await?;
            self.established = true;
            self.readiness.set_ready();
        }
        Ok(())
    }

    /// Follows the log to its end, finishes what a crash left, and makes the first version live
    /// where nothing is.
    async fn establish(&self) -> Result<(), StoreError> {
        self.life.store().prepare().await?;
        self.life.mend().await?;
        if self.life.follow().await?.champion.is_some() {
            return Ok(());
        }
        if let Some(answers) = self.life.live().get() {
            tracing::warn!(
                version = answers.info.model_version,
                "the store's log of decisions is empty: the first model takes the place of the \
                 version that answered until now"
            );
        }
        self.life.introduce(&self.first).await?;
        let info = &self.first.info;
        tracing::info!(
            version = info.model_version,
            formula = info.formula,
            rows = info.rows,
            r_squared = format!("{:.4}", info.model.summary().r_squared),
            "the first model is trained"
        );
        Ok(())
    }

    /// Writes the copy where another activation is live than the one it holds.
    async fn keep_copy(&mut self) {
        let (Some(copy), Some(live)) = (&self.copy, self.life.live().get()) else {
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
                if self.copy_fault.ends() {
                    tracing::info!("the live model is copied to its file again");
                }
            }
            Err(error) if self.copy_fault.is_news(&error) => tracing::warn!(
                error,
                "the live model could not be copied to its file, which is tried again; \
                 a start without the store has none"
            ),
            Err(_) => {}
        }
    }
}

/// What tells one activation from all others.
fn activation_of(live: &LiveModel) -> (u64, String) {
    (live.activation.sequence, live.info.model_version.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_news_when_it_begins_and_when_it_becomes_another() {
        let mut fault = Fault::default();
        let is_news = [
            "refused after 12 ms",
            "refused after 9 ms",
            "wrong password",
            "wrong password",
            "refused after 1 ms",
        ]
        .map(|message| fault.is_news(message));
        assert_eq!(is_news, [true, false, true, false, true]);
        assert!(fault.ends() && !fault.ends());
        assert!(fault.is_news("refused after 1 ms"));
    }
}
