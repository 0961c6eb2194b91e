//! Start and background work on the store: establish a live model, follow the log, keep the copy.

use std::sync::Arc;
use std::time::Duration;

use service_runtime::{CancellationToken, Readiness};
use tokio::time::{MissedTickBehavior, interval};

use crate::copy::LiveCopy;
use crate::life::Life;
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
    /// The activation that the copy holds.
    pub(crate) copied: Option<u64>,
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
                self.copied = Some(live.activation.sequence);
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
        let mut failing = !self.established;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            match self.step().await {
                Ok(()) if failing => {
                    tracing::info!("the store is back");
                    failing = false;
                }
                Ok(()) => {}
                Err(error) => {
                    self.metrics.store_failures.inc();
                    if !failing {
                        tracing::error!(%error, "the store cannot be read; the live model stays");
                    }
                    failing = true;
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
        if self.established {
            self.life.follow().await?;
        } else {
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
        let sequence = live.activation.sequence;
        if self.copied == Some(sequence) {
            return;
        }
        self.copied = Some(sequence);
        let copy = copy.clone();
        let written = tokio::task::spawn_blocking(move || {
            copy.write(&live)
                .map_err(|error| format!("{}: {error}", copy.path().display()))
        });
        if let Ok(Err(error)) = written.await {
            tracing::warn!(
                error,
                "the live model could not be copied to its file; a start without the store has none"
            );
        }
    }
}
