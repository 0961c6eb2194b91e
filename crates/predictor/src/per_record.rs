//! Requests `GET /prediction` for each record. Works with any model that has this endpoint, such as R's
//! plumber API of the original.

use std::sync::OnceLock;

use futures::{StreamExt, stream};
use kafka_io::{Decision, Reason, Record, Step, Unavailable};

use crate::features::Feature;
use crate::input::Schema;
use crate::model::{Model, ModelError};
use crate::response::{PREDICTION_FIELD, Splicer};
use crate::rows::Rows;

/// The pipeline step with one request for each record, several at a time.
pub(crate) struct PerRecord {
    schema: Schema,
    features: Vec<Feature>,
    model: Model,
    /// The field of an answer that holds the predicted value.
    target: &'static str,
    in_flight: usize,
}

impl PerRecord {
    pub(crate) fn new(
        schema: Schema,
        features: &[Feature],
        model: Model,
        target: &'static str,
        in_flight: usize,
    ) -> Self {
        Self {
            schema,
            features: features.to_vec(),
            model,
            target,
            in_flight,
        }
    }

    async fn one(
        &self,
        rows: &Rows<'_>,
        row: usize,
        unavailable: &OnceLock<Unavailable>,
    ) -> Decision {
        if let Some(why) = unavailable.get() {
            // The rest of the batch would fail too.
            return Decision::Retry(why.clone());
        }
        let query = match self.query(rows.texts(row)) {
            Ok(query) => query,
            Err(reason) => return Decision::DeadLetter(reason),
        };
        match self.model.one(query).await {
            Ok(prediction) => {
                let prediction = prediction.trim();
                let row = &rows.rows[row];
                let capacity = row.value.len() + prediction.len() + PREDICTION_FIELD.len();
                Splicer::with_capacity(self.target, capacity).decide(row.value, row.end, prediction)
            }
            Err(ModelError::Rejected(reason)) => Decision::DeadLetter(reason),
            Err(ModelError::TooLarge) => Decision::DeadLetter(Reason {
                text: "the model rejects this record as too large".to_owned(),
                status: Some(413),
            }),
            Err(ModelError::Unavailable(why)) => {
                Decision::Retry(unavailable.get_or_init(|| why).clone())
            }
        }
    }

    /// The request's parameters: strings without their quotes, numbers with their JSON text.
    fn query<'a>(&'a self, texts: &[&str]) -> Result<Vec<(&'a str, String)>, Reason> {
        let parameter = |(feature, text): (&'a Feature, &&str)| {
            let plain = match text.as_bytes().first() {
                Some(b'"') => serde_json::from_str(text).map_err(|error| error.to_string()),
                Some(b'{' | b'[') => Err("must be a string or a number".to_owned()),
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
        let unavailable = OnceLock::new();
        let decided: Vec<Decision> = stream::iter(0..rows.rows.len())
            .map(|row| self.one(&rows, row, &unavailable))
            .buffered(self.in_flight)
            .collect()
            .await;
        for (row, decision) in decided.into_iter().enumerate() {
            rows.decisions[rows.rows[row].record] = decision;
        }
        rows.decisions
    }
}
