//! Calls the step until every record has a final decision.

use super::batch::Batch;
use super::circuit_breaker::CircuitBreaker;
use super::{Decision, Step};
use crate::client::Record;

/// The step returned a wrong number of decisions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the step returned {returned} decisions for {records} records")]
pub(super) struct Mismatch {
    records: usize,
    returned: usize,
}

/// Returns one decision for each record of `batch`, none of them [`Decision::Retry`].
///
/// After a first failure it retries once after a short pause. The second failure opens the circuit
/// breaker, which pauses consumption.
pub(super) async fn decide<S: Step>(
    step: &S,
    breaker: &CircuitBreaker,
    batch: &Batch,
) -> Result<Vec<Decision>, Mismatch> {
    let records: Vec<Record<'_>> = batch.records().collect();
    let mut decisions = attempt(step, breaker, &records, true).await?;
    loop {
        let undecided: Vec<usize> = (0..decisions.len())
            .filter(|&at| matches!(decisions[at], Decision::Retry(_)))
            .collect();
        if undecided.is_empty() {
            return Ok(decisions);
        }
        let again: Vec<Record<'_>> = undecided.iter().map(|&at| records[at]).collect();
        let retried = attempt(step, breaker, &again, false).await?;
        for (at, decision) in undecided.into_iter().zip(retried) {
            decisions[at] = decision;
        }
    }
}

/// One attempt, when the circuit breaker permits it.
async fn attempt<S: Step>(
    step: &S,
    breaker: &CircuitBreaker,
    records: &[Record<'_>],
    first: bool,
) -> Result<Vec<Decision>, Mismatch> {
    let permit = breaker.permit().await;
    let decisions = step.decide(records).await;
    if decisions.len() != records.len() {
        return Err(Mismatch {
            records: records.len(),
            returned: decisions.len(),
        });
    }
    let unavailable = decisions.iter().find_map(|decision| match decision {
        Decision::Retry(why) => Some(why),
        _ => None,
    });
    match unavailable {
        None => breaker.succeeded(permit),
        Some(why) if first && !breaker.is_open() => {
            drop(permit);
            tokio::time::sleep(breaker.short_pause(why)).await;
        }
        Some(why) => breaker.failed(permit, why).await,
    }
    Ok(decisions)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::client::record;
    use crate::{Backoff, Reason, Unavailable};

    /// Rejects odd offsets. The first `failures` attempts decide only offset 0 of the others.
    struct Flaky {
        failures: usize,
        attempts: Mutex<Vec<Vec<i64>>>,
    }

    impl Step for Flaky {
        async fn decide<'a>(&'a self, records: &'a [Record<'a>]) -> Vec<Decision> {
            let mut attempts = self.attempts.lock().expect("no panic");
            attempts.push(records.iter().map(|r| r.offset).collect());
            let down = attempts.len() <= self.failures;
            records
                .iter()
                .map(|record| match record.offset {
                    odd if odd % 2 == 1 => Decision::DeadLetter(Reason::new("odd")),
                    offset if down && offset > 0 => Decision::Retry(Unavailable {
                        reason: "down".into(),
                        retry_after: None,
                    }),
                    _ => Decision::Skip,
                })
                .collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_undecided_records_are_tried_again() {
        let step = Flaky {
            failures: 3,
            attempts: Mutex::default(),
        };
        let breaker = CircuitBreaker::new(Backoff::default());
        let mut batch = Batch::new("in".into(), 1, 0);
        for offset in 0..4 {
            batch.push(&record(offset, None, Some(b"x")));
        }
        let decided =
            tokio::time::timeout(Duration::from_secs(60), decide(&step, &breaker, &batch))
                .await
                .expect("in time")
                .expect("one decision each");

        let odd = || Decision::DeadLetter(Reason::new("odd"));
        assert_eq!(decided, [Decision::Skip, odd(), Decision::Skip, odd()]);
        let attempts = step.attempts.lock().expect("no panic");
        assert_eq!(*attempts, [vec![0, 1, 2, 3], vec![2], vec![2], vec![2]]);
        assert!(!breaker.is_open(), "the success closes the breaker");
    }
}
