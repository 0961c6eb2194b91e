//! Sends each record at its time and waits for the acknowledgements.

use std::time::Duration;

use service_runtime::{CancellationToken, Readiness};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::deliveries::{Deliveries, MAX_IN_FLIGHT, Outgoing};
use crate::limit::{Limit, Sent};
use crate::pacing::Pacing;

/// The feed counts as stalled if a record waits this long for room.
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// The pauses for the pipeline are logged if they last at least this long in total.
const NOTABLE_WAIT: Duration = Duration::from_secs(1);
/// How long a stopped feed waits for acknowledgements.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends records in the order of event time.
#[derive(Debug)]
pub struct Player {
    /// The producer.
    pub deliveries: Deliveries,
    /// Whether Kafka takes the records.
    pub readiness: Readiness,
    /// Stops the player.
    pub shutdown: CancellationToken,
    /// How far it may go.
    pub limit: watch::Receiver<Limit>,
}

impl Player {
    /// Sends until the records end or a shutdown, then waits for the acknowledgements.
    ///
    /// # Errors
    /// The source fails, or a record is not acknowledged.
    pub async fn run(
        mut self,
        records: impl Iterator<Item = anyhow::Result<Outgoing>>,
        mut pacing: Pacing,
    ) -> anyhow::Result<()> {
        let mut sent = Sent::default();
        let mut waited = Duration::ZERO;
        for record in records {
            let record = record?;
            let due = pacing.due(record.at);
            let Some(held) = self.wait_until(due, &record, sent).await? else {
                break;
            };
            pacing.delay(held);
            waited += held;
            sent.count(record.kind);
            tracing::debug!(key = record.key, at = %record.at, "sent");
            self.deliveries.send(record).await?;
        }
        if waited >= NOTABLE_WAIT {
            tracing::info!("waited {} s for the pipeline", waited.as_secs());
        }
        self.flush().await
    }

    /// Waits until a record is due, until the limit allows it and until there is room for it. Returns how long
    /// the limit has held it back, or `None` after a shutdown.
    async fn wait_until(
        &mut self,
        due: Instant,
        record: &Outgoing,
        sent: Sent,
    ) -> anyhow::Result<Option<Duration>> {
        if self.shutdown.is_cancelled() {
            return Ok(None);
        }
        let mut held_since = None;
        let mut is_due = due <= Instant::now();
        let stalls_at = due.max(Instant::now()) + STALLED_AFTER;
        loop {
            let limit = *self.limit.borrow_and_update();
            let (allowed, has_room) = (sent.allows(limit, record), self.deliveries.has_room());
            if is_due && allowed && has_room {
                break;
            }
            if is_due && !allowed {
                held_since.get_or_insert_with(Instant::now);
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(None),
                acknowledged = self.deliveries.acknowledged() => acknowledged?,
                () = tokio::time::sleep_until(due), if !is_due => is_due = true,
                // Fails without a sender: the limit then stays.
                Ok(()) = self.limit.changed(), if !allowed => {}
                () = tokio::time::sleep_until(stalls_at),
                    if !has_room && self.readiness.state().is_ok() =>
                {
                    self.report_stall();
                }
            }
        }
        self.readiness.set_ready();
        Ok(Some(
            held_since.map_or(Duration::ZERO, |since: Instant| since.elapsed()),
        ))
    }

    fn report_stall(&self) {
        let reason = format!("{MAX_IN_FLIGHT} records wait for Kafka's acknowledgement");
        tracing::warn!("{reason}: pausing");
        self.readiness.set_not_ready(reason);
    }

    /// Waits for all acknowledgements; after a shutdown at most [`FLUSH_TIMEOUT`].
    async fn flush(&mut self) -> anyhow::Result<()> {
        let shutdown = self.shutdown.clone();
        let timeout = async {
            shutdown.cancelled().await;
            tokio::time::sleep(FLUSH_TIMEOUT).await;
        };
        tokio::pin!(timeout);
        while self.deliveries.in_flight() > 0 {
            tokio::select! {
                acknowledged = self.deliveries.acknowledged() => acknowledged?,
                () = &mut timeout => anyhow::bail!(
                    "stopped with {} unacknowledged records: Kafka may not have them",
                    self.deliveries.in_flight(),
                ),
            }
        }
        Ok(())
    }
}
