//! Asking `GET /prediction` for each record: any model with that call will do, the original's R
//! API included.

use std::sync::OnceLock;

use futures::{StreamExt, stream};
use kafka_io::{Decision, Reason, Record, Step, Unavailable};
use serde_json::Value;

use crate::answer::{PREDICTION_FIELD, Splicer, shortened};
use crate::features::Feature;
use crate::input::Schema;
use crate::model::{Model, Trouble};
use crate::rows::Rows;

/// The step of the pipeline: one request for each record, many at once.
pub(crate) struct PerRecord {
    schema: Schema,
    features: Vec<Feature>,
    model: Model,
    in_flight: usize,
}

impl PerRecord {
    pub(crate) fn new(
        schema: Schema,
        features: &[Feature],
        model: Model,
        in_flight: usize,
    ) -> Self {
        Self {
            schema,
            features: features.to_vec(),
            model,
            in_flight,
        }
    }

    async fn one(&self, rows: &Rows<'_>, row: usize, down: &OnceLock<Unavailable>) -> Decision {
        if let Some(why) = down.get() {
            // What is down need not be asked for the rest of the batch.
            return Decision::Retry(why.clone());
        }
        let query = match self.query(rows.texts(row)) {
            Ok(query) => query,
            Err(reason) => return Decision::DeadLetter(reason),
        };
        match self.model.one(query).await {
            Ok(answer) => {
                let answer = answer.trim();
                let row = &rows.rows[row];
                match says_na(answer) {
                    true => Decision::DeadLetter(Reason::new(format!(
                        "the model has no prediction: {}",
                        shortened(answer)
                    ))),
                    false => Splicer::with_capacity(
                        row.value.len() + answer.len() + PREDICTION_FIELD.len(),
                    )
                    .decide(row.value, row.end, answer),
                }
            }
            Err(Trouble::Refused(reason)) => Decision::DeadLetter(reason),
            Err(Trouble::TooLarge) => Decision::DeadLetter(Reason {
                text: "the model refuses this record as too large".to_owned(),
                status: Some(413),
            }),
            Err(Trouble::Down(why)) => Decision::Retry(down.get_or_init(|| why).clone()),
        }
    }

    /// The request's parameters: text without its quotes, numbers as they were written.
    fn query<'a>(&'a self, texts: &[&str]) -> Result<Vec<(&'a str, String)>, Reason> {
        let parameter = |(feature, text): (&'a Feature, &&str)| {
            let plain = match text.as_bytes().first() {
                Some(b'"') => serde_json::from_str(text).map_err(|error| error.to_string()),
                Some(b'{' | b'[') => Err("is neither text nor a number".to_owned()),
                _ => Ok((*text).to_owned()),
            };
            plain
                .map(|plain| (feature.parameter.as_str(), plain))
                .map_err(|why| Reason::new(format!("field `{}` {why}", feature.field)))
        };
        self.features.iter().zip(texts).map(parameter).collect()
    }
}

impl Step for PerRecord {
    async fn decide<'a>(&'a self, records: &'a [Record<'a>]) -> Vec<Decision> {
        let mut rows = Rows::read(&self.schema, self.features.len(), records);
        let down = OnceLock::new();
        let decided: Vec<Decision> = stream::iter(0..rows.rows.len())
            .map(|row| self.one(&rows, row, &down))
            .buffered(self.in_flight)
            .collect()
            .await;
        for (row, decision) in decided.into_iter().enumerate() {
            rows.decisions[rows.rows[row].record] = decision;
        }
        rows.decisions
    }
}

/// R's way of saying that there is no value, in any field of a successful answer.
fn says_na(answer: &str) -> bool {
    let is_na = |value: &Value| match value {
        Value::String(text) => text == "NA",
        Value::Array(values) => values.iter().any(|value| value == "NA"),
        _ => false,
    };
    match serde_json::from_str(answer) {
        Ok(Value::Object(fields)) => fields.values().any(is_na),
        Ok(value) => is_na(&value),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rs_missing_value_is_recognised_wherever_it_stands() {
        for answer in [
            r#"{"Weight":"NA","ModelTime":"t"}"#,
            r#"{"Weight":["NA"]}"#,
            "\"NA\"",
        ] {
            assert!(says_na(answer), "{answer}");
        }
        for answer in [r#"{"Weight":3.6,"ModelTime":"NA-2"}"#, "NA", "{}"] {
            assert!(!says_na(answer), "{answer}");
        }
    }
}
