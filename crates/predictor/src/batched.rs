//! Requests `POST /predictions` for many records at once.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use kafka_io::{Decision, Reason, Record, Step, Unavailable};
use serde_json::value::RawValue;

use crate::features::Feature;
use crate::input::Schema;
use crate::model::{Model, ModelError};
use crate::response::{PREDICTION_FIELD, Splicer, shortened};
use crate::rows::{ParameterNames, Rows};

/// The pipeline step with one request for all records of a batch.
pub(crate) struct Batched {
    schema: Schema,
    names: ParameterNames,
    width: usize,
    model: Model,
    /// The field of an answer that holds the predicted value.
    target: &'static str,
    /// Maximum number of rows in a request; halved when the model rejects a request as too large.
    max_rows: AtomicUsize,
}

impl Batched {
    pub(crate) fn new(
        schema: Schema,
        features: &[Feature],
        model: Model,
        target: &'static str,
    ) -> Self {
        Self {
            schema,
            names: ParameterNames::new(features),
            width: features.len(),
            model,
            target,
            max_rows: AtomicUsize::new(usize::MAX),
        }
    }

    /// The model's predictions for some rows, as a JSON array.
    async fn predict(&self, rows: &Rows<'_>, range: Range<usize>) -> Result<String, ModelError> {
        let count = range.len();
        self.model.many(rows.body(range, &self.names), count).await
    }

    /// Reduces the rows of a request after `rows` were too many; returns the new number.
    fn halve(&self, rows: usize) -> usize {
        let half = rows.div_ceil(2);
        if self.max_rows.fetch_min(half, Ordering::Relaxed) > half {
            tracing::warn!(
                rows,
                half,
                "the model rejects a request as too large: sending fewer rows"
            );
        }
        half
    }
}

impl Step for Batched {
    async fn decide<'a>(&'a self, records: &'a [Record<'a>]) -> Vec<Decision> {
        let mut rows = Rows::read(&self.schema, self.width, records);
        let max = self.max_rows.load(Ordering::Relaxed);
        let mut pending: VecDeque<Range<usize>> = pieces(0..rows.rows.len(), max).collect();
        let mut unavailable = None;
        while let Some(range) = pending.pop_front() {
            let decided = match &unavailable {
                Some(why) => all(range.len(), &Decision::Retry(Unavailable::clone(why))),
                None => match self.predict(&rows, range.clone()).await {
                    Ok(predictions) => {
                        match read(&rows, range.clone(), &predictions, self.target) {
                            Ok(decided) => decided,
                            Err(reason) => {
                                let why = unavailable.insert(wrong_response(&reason, &predictions));
                                all(range.len(), &Decision::Retry(why.clone()))
                            }
                        }
                    }
                    Err(ModelError::TooLarge) if range.len() > 1 => {
                        let half = self.halve(range.len());
                        pieces(range, half)
                            .rev()
                            .for_each(|piece| pending.push_front(piece));
                        continue;
                    }
                    // One row may be why the model rejects all of them.
                    Err(ModelError::Rejected(_)) if range.len() > 1 => {
                        let half = range.len().div_ceil(2);
                        pieces(range, half)
                            .rev()
                            .for_each(|piece| pending.push_front(piece));
                        continue;
                    }
                    Err(ModelError::TooLarge) => all(1, &Decision::DeadLetter(too_large())),
                    Err(ModelError::Rejected(reason)) => {
                        all(range.len(), &Decision::DeadLetter(reason))
                    }
                    Err(ModelError::Unavailable(why)) => all(
                        range.len(),
                        &Decision::Retry(unavailable.insert(why).clone()),
                    ),
                },
            };
            for (row, decision) in range.zip(decided) {
                rows.decisions[rows.rows[row].record] = decision;
            }
        }
        rows.decisions
    }
}

/// Splits `range` into pieces of at most `max`.
fn pieces(
    range: Range<usize>,
    max: usize,
) -> impl DoubleEndedIterator<Item = Range<usize>> + ExactSizeIterator {
    range
        .clone()
        .step_by(max)
        .map(move |start| start..start.saturating_add(max).min(range.end))
}

fn all(count: usize, decision: &Decision) -> Vec<Decision> {
    vec![decision.clone(); count]
}

/// One decision for each row, from the array of predictions.
fn read(
    rows: &Rows<'_>,
    range: Range<usize>,
    predictions: &str,
    target: &str,
) -> Result<Vec<Decision>, String> {
    let rows = &rows.rows[range.clone()];
    let bytes: usize = rows
        .iter()
        .map(|row| row.value.len() + PREDICTION_FIELD.len())
        .sum();
    let mut splicer = Splicer::with_capacity(target, bytes + predictions.len());
    let predictions: Vec<&RawValue> =
        serde_json::from_str(predictions).map_err(|error| format!("not a JSON array: {error}"))?;
    if predictions.len() != range.len() {
        let (found, rows) = (predictions.len(), range.len());
        return Err(format!("{found} predictions for {rows} rows"));
    }
    Ok(rows
        .iter()
        .zip(predictions)
        .map(|(row, prediction)| splicer.decide(row.value, row.end, prediction.get()))
        .collect())
}

fn wrong_response(reason: &str, response: &str) -> Unavailable {
    Unavailable {
        reason: format!(
            "the model's response to POST /predictions is wrong ({reason}): {}; \
             a model that has only GET /prediction needs --per-record",
            shortened(response)
        ),
        retry_after: None,
    }
}

fn too_large() -> Reason {
    Reason {
        text: "the model rejects this record as too large".to_owned(),
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
