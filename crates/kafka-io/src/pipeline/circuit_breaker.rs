//! The circuit breaker in front of the step, shared by all batches of a pipeline.
//!
//! While it is open, one batch probes the step with growing pauses, and all others wait.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::Instant;

use super::Unavailable;

/// The pauses between attempts.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The pause before the second attempt.
    pub first: Duration,
    /// The longest pause. A pause that the other side requests is at most six times as long.
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
    /// The pause after `failures` failures in a row. It doubles each time; jitter between half and the
    /// whole of it keeps several instances from retrying at the same time.
    fn pause(&self, failures: u32, retry_after: Option<Duration>) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << failures.saturating_sub(1).min(20))
            .min(self.longest);
        let jittered = doubled.mul_f64(rand::rng().random_range(0.5..=1.0));
        jittered.max(retry_after.unwrap_or_default().min(self.longest * 6))
    }
}

/// Closed while the step works, open while it is unavailable. Clones share the state.
#[derive(Clone, Debug)]
pub(super) struct CircuitBreaker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The reason while the breaker is open.
    open: watch::Sender<Option<String>>,
    probe: Mutex<Probe>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Probe {
    failures: u32,
    next: Instant,
}

/// Permission for one attempt; it holds the lock if the attempt is a probe.
#[derive(Debug)]
pub(super) struct Permit<'a>(Option<MutexGuard<'a, Probe>>);

impl CircuitBreaker {
    /// A closed breaker.
    pub(super) fn new(backoff: Backoff) -> Self {
        Self(Arc::new(Shared {
            open: watch::Sender::new(None),
            probe: Mutex::new(Probe {
                failures: 0,
                next: Instant::now(),
            }),
            backoff,
        }))
    }

    /// Why the breaker is open, if it is.
    pub(super) fn reason(&self) -> Option<String> {
        self.0.open.borrow().clone()
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.open.borrow().is_some()
    }

    /// Returns immediately while the breaker is closed. While it is open, waits until it closes, or until
    /// this caller may probe and the pause is over.
    pub(super) async fn permit(&self) -> Permit<'_> {
        if !self.is_open() {
            return Permit(None);
        }
        let probe = self.0.probe.lock().await;
        if !self.is_open() {
            return Permit(None);
        }
        tokio::time::sleep_until(probe.next).await;
        Permit(Some(probe))
    }

    /// An attempt succeeded: a probe closes the breaker.
    pub(super) fn succeeded(&self, permit: Permit<'_>) {
        if let Some(mut probe) = permit.0 {
            probe.failures = 0;
            if self.0.open.send_replace(None).is_some() {
                tracing::info!("available again: consumption continues");
            }
        }
    }

    /// An attempt failed: the breaker opens, or stays open for another pause.
    pub(super) async fn failed(&self, permit: Permit<'_>, why: &Unavailable) {
        let is_probe = permit.0.is_some();
        let mut probe = match permit.0 {
            Some(probe) => probe,
            None => self.0.probe.lock().await,
        };
        let opened = self.0.open.send_if_modified(|open| {
            let opened = open.is_none();
            *open = Some(why.reason.clone());
            opened
        });
        if opened {
            probe.failures = 0;
            tracing::warn!(reason = %why.reason, "unavailable: consumption pauses");
        }
        // If several batches fail at the same time, only one counts.
        if opened || is_probe {
            probe.failures += 1;
            probe.next = Instant::now() + self.0.backoff.pause(probe.failures, why.retry_after);
        }
    }

    /// The pause before the first retry, which does not open the breaker.
    pub(super) fn short_pause(&self, why: &Unavailable) -> Duration {
        self.0.backoff.pause(1, why.retry_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(2),
        };
        for (failures, most) in [(1, 100), (2, 200), (3, 400), (6, 2000), (60, 2000)] {
            let pause = backoff.pause(failures, None).as_millis();
            assert!((most / 2..=most).contains(&pause), "{failures}: {pause} ms");
        }
        for (requested, seconds) in [(3, 3), (86_400, 12)] {
            let pause = backoff.pause(1, Some(Duration::from_secs(requested)));
            assert_eq!(pause, Duration::from_secs(seconds));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_open_one_caller_probes_and_its_success_closes_it() {
        let down = Unavailable {
            reason: "down".into(),
            retry_after: None,
        };
        let breaker = CircuitBreaker::new(Backoff::default());
        breaker.failed(breaker.permit().await, &down).await;
        assert_eq!(breaker.reason().as_deref(), Some("down"));

        let probe = breaker.permit().await;
        let other = breaker.clone();
        let waiting = tokio::spawn(async move {
            let permit = other.permit().await;
            other.succeeded(permit);
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!waiting.is_finished(), "only one probes at a time");

        breaker.succeeded(probe);
        tokio::time::timeout(Duration::from_secs(1), waiting)
            .await
            .expect("the breaker is closed")
            .expect("no panic");
        assert!(!breaker.is_open());
    }
}
