//! The two machines at work: each event at its moment, each record acknowledged.

use std::time::Duration;

use service_runtime::{CancellationToken, Readiness};
use tokio::time::Instant;

use crate::deliveries::{Deliveries, MOST_IN_FLIGHT};
use crate::pacing::Pacing;
use crate::simulation::Simulation;

/// So long no record finds room before the machines are said to stand still.
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// How long a stopped producer waits for what is in flight.
const LAST_ACKNOWLEDGEMENTS: Duration = Duration::from_secs(10);

/// What writes a simulation's events.
#[derive(Debug)]
pub(crate) struct Machines {
    pub(crate) deliveries: Deliveries,
    pub(crate) readiness: Readiness,
    pub(crate) shutdown: CancellationToken,
}

impl Machines {
    /// Writes until the simulation ends or a shutdown comes, then waits for the acknowledgements.
    ///
    /// # Errors
    /// Where a record is not acknowledged.
    pub(crate) async fn run(
        mut self,
        simulation: &Simulation,
        pacing: Pacing,
    ) -> anyhow::Result<()> {
        for event in simulation.events() {
            if !self.wait_until(pacing.due(event.at())).await? {
                break;
            }
            tracing::debug!(fish = event.fish_id(), at = %event.at(), "sent");
            self.deliveries.send(&event).await?;
        }
        self.flush().await
    }

    /// Waits until `due` and until there is room for a record; false after a shutdown.
    async fn wait_until(&mut self, due: Instant) -> anyhow::Result<bool> {
        let mut is_due = false;
        let stalls_at = due.max(Instant::now()) + STALLED_AFTER;
        while !(is_due && self.deliveries.has_room()) {
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(false),
                acknowledged = self.deliveries.acknowledged() => acknowledged?,
                () = tokio::time::sleep_until(due), if !is_due => is_due = true,
                () = tokio::time::sleep_until(stalls_at), if self.readiness.state().is_ok() => {
                    self.stalls();
                }
            }
        }
        self.readiness.set_ready();
        Ok(true)
    }

    fn stalls(&self) {
        let reason = format!("{MOST_IN_FLIGHT} records wait for Kafka's acknowledgement");
        tracing::warn!("{reason}: the machines stand still until it answers");
        self.readiness.set_not_ready(reason);
    }

    /// Waits for every acknowledgement; after a shutdown not for ever.
    async fn flush(&mut self) -> anyhow::Result<()> {
        let shutdown = self.shutdown.clone();
        let given_up = async {
            shutdown.cancelled().await;
            tokio::time::sleep(LAST_ACKNOWLEDGEMENTS).await;
        };
        tokio::pin!(given_up);
        while self.deliveries.in_flight() > 0 {
            tokio::select! {
                acknowledged = self.deliveries.acknowledged() => acknowledged?,
                () = &mut given_up => anyhow::bail!(
                    "stopped while {} records were not acknowledged: whether Kafka has them is not known",
                    self.deliveries.in_flight(),
                ),
            }
        }
        Ok(())
    }
}
