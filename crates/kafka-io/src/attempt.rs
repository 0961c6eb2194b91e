//! The stage that asks the step, again and again until every record has a lasting decision.

use crate::gate::Gate;
use crate::{Batch, Decision, Record, Step};

/// The step broke its contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the step made {made} decisions for {asked} records")]
pub(crate) struct Mismatch {
    asked: usize,
    made: usize,
}

/// One decision for each record of `batch`, none of them [`Decision::Retry`].
///
/// A first failure is repeated after a short pause; from the second on the gate is closed, and
/// with it the consumption.
pub(crate) async fn decide<S: Step>(
    step: &S,
    gate: &Gate,
    batch: &Batch,
) -> Result<Vec<Decision>, Mismatch> {
    let records: Vec<Record<'_>> = batch.records().collect();
    let mut decisions = ask(step, gate, &records, true).await?;
    loop {
        let open: Vec<usize> = (0..decisions.len())
            .filter(|&at| matches!(decisions[at], Decision::Retry(_)))
            .collect();
        if open.is_empty() {
            return Ok(decisions);
        }
        let again: Vec<Record<'_>> = open.iter().map(|&at| records[at]).collect();
        for (at, decision) in open.into_iter().zip(ask(step, gate, &again, false).await?) {
            decisions[at] = decision;
        }
    }
}

/// One attempt, when the gate lets it pass.
async fn ask<S: Step>(
    step: &S,
    gate: &Gate,
    records: &[Record<'_>],
    first: bool,
) -> Result<Vec<Decision>, Mismatch> {
    let pass = gate.pass().await;
    let decisions = step.decide(records).await;
    if decisions.len() != records.len() {
        return Err(Mismatch {
            asked: records.len(),
            made: decisions.len(),
        });
    }
    let unavailable = decisions.iter().find_map(|decision| match decision {
        Decision::Retry(why) => Some(why),
        _ => None,
    });
    match unavailable {
        None => gate.succeeded(pass),
        Some(why) if first && !gate.is_closed() => {
            drop(pass);
            tokio::time::sleep(gate.short_pause(why)).await;
        }
        Some(why) => gate.failed(pass, why).await,
    }
    Ok(decisions)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::gate::Backoff;
    use crate::record::tests::record;
    use crate::{Reason, Unavailable};

    /// Refuses odd offsets, and everything for the first `failures` attempts but the first record.
    struct Flaky {
        failures: usize,
        asked: Mutex<Vec<Vec<i64>>>,
    }

    impl Step for Flaky {
        async fn decide<'a>(&'a self, records: &'a [Record<'a>]) -> Vec<Decision> {
            let mut asked = self.asked.lock().expect("no panic");
            asked.push(records.iter().map(|r| r.offset).collect());
            let down = asked.len() <= self.failures;
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
    async fn only_the_records_without_a_lasting_decision_are_tried_again() {
        let step = Flaky {
            failures: 3,
            asked: Mutex::default(),
        };
        let gate = Gate::new(Backoff::default());
        let mut batch = Batch::new("in".into(), 1, 0);
        for offset in 0..4 {
            batch.push(&record(offset, None, Some(b"x")));
        }
        let decided = tokio::time::timeout(Duration::from_secs(60), decide(&step, &gate, &batch))
            .await
            .expect("it came back")
            .expect("one decision each");

        let odd = || Decision::DeadLetter(Reason::new("odd"));
        assert_eq!(decided, [Decision::Skip, odd(), Decision::Skip, odd()]);
        let asked = step.asked.lock().expect("no panic");
        assert_eq!(*asked, [vec![0, 1, 2, 3], vec![2], vec![2], vec![2]]);
        assert!(!gate.is_closed(), "it opened when the step worked again");
    }
}
