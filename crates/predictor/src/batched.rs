//! Asking `POST /predictions` for many records at once.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use kafka_io::{Decision, Reason, Record, Step, Unavailable};
use serde_json::value::RawValue;

use crate::answer::{PREDICTION_FIELD, Splicer, shortened};
use crate::features::Feature;
use crate::input::Schema;
use crate::model::{Model, Trouble};
use crate::rows::{ParameterNames, Rows};

/// The step of the pipeline: one request for all records of a batch.
pub(crate) struct Batched {
    schema: Schema,
    names: ParameterNames,
    width: usize,
    model: Model,
    /// At most so many rows in a request; halved where the model says that they are too many.
    most_rows: AtomicUsize,
}

impl Batched {
    pub(crate) fn new(schema: Schema, features: &[Feature], model: Model) -> Self {
        Self {
            schema,
            names: ParameterNames::new(features),
            width: features.len(),
            model,
            most_rows: AtomicUsize::new(usize::MAX),
        }
    }

    /// The model's answers for some rows, one each.
    async fn ask(&self, rows: &Rows<'_>, range: Range<usize>) -> Result<String, Trouble> {
        self.model.many(rows.body(range, &self.names)).await
    }

    /// How many rows go into a request from now on, after `rows` were too many.
    fn halve(&self, rows: usize) -> usize {
        let half = rows.div_ceil(2);
        if self.most_rows.fetch_min(half, Ordering::Relaxed) > half {
            tracing::warn!(
                rows,
                half,
                "the model refuses a request as too large: sending less"
            );
        }
        half
    }
}

impl Step for Batched {
    async fn decide<'a>(&'a self, records: &'a [Record<'a>]) -> Vec<Decision> {
        let mut rows = Rows::read(&self.schema, self.width, records);
        let most = self.most_rows.load(Ordering::Relaxed);
        let mut open: VecDeque<Range<usize>> = pieces(0..rows.rows.len(), most).collect();
        let mut down = None;
        while let Some(range) = open.pop_front() {
            let decided = match &down {
                Some(why) => all(range.len(), &Decision::Retry(Unavailable::clone(why))),
                None => match self.ask(&rows, range.clone()).await {
                    Ok(answers) => match read(&rows, range.clone(), &answers) {
                        Ok(decided) => decided,
                        Err(reason) => {
                            let why = down.insert(wrong_answer(&reason, &answers));
                            all(range.len(), &Decision::Retry(why.clone()))
                        }
                    },
                    Err(Trouble::TooLarge) if range.len() > 1 => {
                        let half = self.halve(range.len());
                        pieces(range, half)
                            .rev()
                            .for_each(|piece| open.push_front(piece));
                        continue;
                    }
                    Err(Trouble::TooLarge) => all(1, &Decision::DeadLetter(too_large())),
                    Err(Trouble::Refused(reason)) => {
                        all(range.len(), &Decision::DeadLetter(reason))
                    }
                    Err(Trouble::Down(why)) => {
                        all(range.len(), &Decision::Retry(down.insert(why).clone()))
                    }
                },
            };
            for (row, decision) in range.zip(decided) {
                rows.decisions[rows.rows[row].record] = decision;
            }
        }
        rows.decisions
    }
}

/// `range` cut into pieces of at most `most`.
fn pieces(
    range: Range<usize>,
    most: usize,
) -> impl DoubleEndedIterator<Item = Range<usize>> + ExactSizeIterator {
    range
        .clone()
        .step_by(most)
        .map(move |start| start..start.saturating_add(most).min(range.end))
}

fn all(count: usize, decision: &Decision) -> Vec<Decision> {
    vec![decision.clone(); count]
}

/// One decision for each row, from the array of answers.
fn read(rows: &Rows<'_>, range: Range<usize>, answers: &str) -> Result<Vec<Decision>, String> {
    let rows = &rows.rows[range.clone()];
    let bytes: usize = rows
        .iter()
        .map(|row| row.value.len() + PREDICTION_FIELD.len())
        .sum();
    let mut splicer = Splicer::with_capacity(bytes + answers.len());
    let answers: Vec<&RawValue> =
        serde_json::from_str(answers).map_err(|error| format!("no JSON array: {error}"))?;
    if answers.len() != range.len() {
        return Err(format!(
            "{} answers for {} rows",
            answers.len(),
            range.len()
        ));
    }
    Ok(rows
        .iter()
        .zip(answers)
        .map(|(row, answer)| splicer.decide(row.value, row.end, answer.get()))
        .collect())
}

fn wrong_answer(reason: &str, answers: &str) -> Unavailable {
    Unavailable {
        reason: format!(
            "the model does not answer as POST /predictions should ({reason}): {}; \
             a model that has only GET /prediction needs --per-record",
            shortened(answers)
        ),
        retry_after: None,
    }
}

fn too_large() -> Reason {
    Reason {
        text: "the model refuses this record alone as too large".to_owned(),
        status: Some(413),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_range_in_order() {
        assert_eq!(pieces(3..10, 3).collect::<Vec<_>>(), [3..6, 6..9, 9..10]);
        assert!(pieces(0..2, usize::MAX).eq(std::iter::once(0..2)));
        assert_eq!(pieces(0..0, 5).len(), 0);
    }
}
