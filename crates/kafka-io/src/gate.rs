//! Whether what the step depends on works: shared by all batches of a pipeline.
//!
//! While it does not, one batch probes it, with growing pauses, and all others wait, so that
//! something that is down is not hammered by everything that waits for it.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::Instant;

use crate::Unavailable;

/// How long to wait between attempts.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Before the second attempt.
    pub first: Duration,
    /// At most, however many attempts failed; also the cap on what the other side asks for.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(50),
            longest: Duration::from_secs(5),
        }
    }
}

impl Backoff {
    /// The pause after `failures` failed attempts in a row: doubled each time, then between half
    /// and the whole of it at random, so that several instances do not come back in step.
    pub fn pause(&self, failures: u32, retry_after: Option<Duration>) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << failures.saturating_sub(1).min(20))
            .min(self.longest);
        let jittered = doubled.mul_f64(rand::rng().random_range(0.5..=1.0));
        jittered.max(retry_after.unwrap_or_default().min(self.longest * 6))
    }
}

/// Open while things work. Clones share the state.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    closed: watch::Sender<Option<String>>,
    probe: Mutex<Probe>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Probe {
    failures: u32,
    next: Instant,
}

/// Leave to make an attempt.
#[derive(Debug)]
pub(crate) struct Pass<'a>(Option<MutexGuard<'a, Probe>>);

impl Gate {
    /// An open gate.
    pub fn new(backoff: Backoff) -> Self {
        Self(Arc::new(Shared {
            closed: watch::Sender::new(None),
            probe: Mutex::new(Probe {
                failures: 0,
                next: Instant::now(),
            }),
            backoff,
        }))
    }

    /// Why the gate is closed, where it is.
    pub fn closed(&self) -> Option<String> {
        self.0.closed.borrow().clone()
    }

    /// Whether the gate is closed.
    pub fn is_closed(&self) -> bool {
        self.0.closed.borrow().is_some()
    }

    /// Waits for leave to make an attempt: none while the gate is open; while it is closed until
    /// it opens, or until it is this caller's turn to probe and the pause is over.
    pub(crate) async fn pass(&self) -> Pass<'_> {
        if !self.is_closed() {
            return Pass(None);
        }
        let probe = self.0.probe.lock().await;
        if !self.is_closed() {
            return Pass(None);
        }
        tokio::time::sleep_until(probe.next).await;
        Pass(Some(probe))
    }

    /// An attempt with this pass went well: everybody may go on.
    pub(crate) fn succeeded(&self, pass: Pass<'_>) {
        if let Some(mut probe) = pass.0 {
            probe.failures = 0;
            if self.0.closed.send_replace(None).is_some() {
                tracing::info!("available again: going on");
            }
        }
    }

    /// An attempt with this pass failed: nobody goes on for a while.
    pub(crate) async fn failed(&self, pass: Pass<'_>, why: &Unavailable) {
        let probing = pass.0.is_some();
        let mut probe = match pass.0 {
            Some(probe) => probe,
            None => self.0.probe.lock().await,
        };
        let news = self.0.closed.send_if_modified(|closed| {
            let news = closed.is_none();
            *closed = Some(why.reason.clone());
            news
        });
        if news {
            probe.failures = 0;
            tracing::warn!(reason = %why.reason, "unavailable: consumption pauses until it is back");
        }
        // Of several batches that run into the same failure only one counts.
        if news || probing {
            probe.failures += 1;
            probe.next = Instant::now() + self.0.backoff.pause(probe.failures, why.retry_after);
        }
    }

    /// The pause before a first repetition, which closes nothing yet.
    pub(crate) fn short_pause(&self, why: &Unavailable) -> Duration {
        self.0.backoff.pause(1, why.retry_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down() -> Unavailable {
        Unavailable {
            reason: "down".into(),
            retry_after: None,
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_keep_to_what_was_asked_for() {
        let backoff = Backoff {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(2),
        };
        for (failures, most) in [(1, 100), (2, 200), (3, 400), (6, 2000), (60, 2000)] {
            let pause = backoff.pause(failures, None).as_millis();
            assert!((most / 2..=most).contains(&pause), "{failures}: {pause} ms");
        }
        let asked = backoff.pause(1, Some(Duration::from_secs(3)));
        assert_eq!(asked, Duration::from_secs(3));
        let absurd = backoff.pause(1, Some(Duration::from_secs(86_400)));
        assert_eq!(absurd, Duration::from_secs(12), "a day is not waited for");
    }

    #[tokio::test(start_paused = true)]
    async fn while_closed_one_caller_probes_and_its_success_lets_all_pass() {
        let gate = Gate::new(Backoff::default());
        gate.failed(gate.pass().await, &down()).await;
        assert_eq!(gate.closed().as_deref(), Some("down"));

        let probe = gate.pass().await;
        let other = gate.clone();
        let waiting = tokio::spawn(async move {
            let pass = other.pass().await;
            other.succeeded(pass);
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!waiting.is_finished(), "only one probes at a time");

        gate.succeeded(probe);
        tokio::time::timeout(Duration::from_secs(1), waiting)
            .await
            .expect("the gate is open")
            .expect("no panic");
        assert!(!gate.is_closed());
    }
}
