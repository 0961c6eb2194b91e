//! The two machines: sends each event at its time and waits for the acknowledgements.

use std::time::Duration;

use service_runtime::{CancellationToken, Readiness};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::deliveries::{Deliveries, MAX_IN_FLIGHT};
use crate::limit::{Limit, Written};
use crate::pacing::Pacing;
use crate::simulation::{Event, Simulation};

/// The machines count as stalled if a record waits this long for room.
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// How long a stopped producer waits for acknowledgements.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Writes a simulation's events.
#[derive(Debug)]
pub(crate) struct Machines {
    pub(crate) deliveries: Deliveries,
    pub(crate) readiness: Readiness,
    pub(crate) shutdown: CancellationToken,
    pub(crate) limit: watch::Receiver<Limit>,
}

impl Machines {
    /// Writes until the simulation ends or a shutdown, then waits for the acknowledgements.
    ///
    /// # Errors
    /// If a record is not acknowledged.
    pub(crate) async fn run(
        mut self,
        simulation: &Simulation,
        pacing: Pacing,
    ) -> anyhow::Result<()> {
        let mut written = Written::default();
        for event in simulation.events() {
            let due = pacing.due(event.at());
            if !self.wait_until(due, &event, written).await? {
                break;
            }
            written.count(&event);
            tracing::debug!(fish = event.fish_id(), at = %event.at(), "sent");
            self.deliveries.send(&event).await?;
        }
        self.flush().await
    }

    /// Waits until an event is due, until the limit allows it and until there is room for a record.
    /// Returns false after a shutdown.
    async fn wait_until(
        &mut self,
        due: Instant,
        event: &Event,
        written: Written,
    ) -> anyhow::Result<bool> {
        if self.shutdown.is_cancelled() {
            return Ok(false);
        }
        let mut is_due = due <= Instant::now();
        let stalls_at = due.max(Instant::now()) + STALLED_AFTER;
        loop {
            let limit = *self.limit.borrow_and_update();
            let (allowed, has_room) = (written.allows(limit, event), self.deliveries.has_room());
            if is_due && allowed && has_room {
                break;
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(false),
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
        Ok(true)
    }

    fn report_stall(&self) {
        let reason = format!("{MAX_IN_FLIGHT} records wait for Kafka's acknowledgement");
        tracing::warn!("{reason}: the machines pause");
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
