//! The records that the producer has not sent yet, with their actual values.

use std::collections::HashMap;
use std::fmt;

use anyhow::Context;
use feed::{Kind, Outgoing, clock};
use pipeline::{Definition, ErrorKind, EventTime, TriggerRule};
use serde_json::{Map, Value};

/// What a producer will send; each measured record comes before its actual value.
pub(crate) type Source = Box<dyn Iterator<Item = anyhow::Result<Outgoing>> + Send + Sync>;

/// A record whose actual value will be known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Upcoming {
    pub(super) measured_at: EventTime,
    pub(super) actual_at: EventTime,
    /// The model's inputs, for `POST /predictions`.
    pub(super) inputs: Map<String, Value>,
    actual: f64,
}

impl Upcoming {
    /// Whether a rule's SQL stores the record: its actual value comes in time, and it has an error.
    pub(super) fn is_joined(&self, rule: TriggerRule, kind: ErrorKind) -> bool {
        let delay = clock::since(self.actual_at, self.measured_at);
        rule.check_delay(delay).is_ok() && self.error(kind, self.actual).is_some()
    }

    /// The error of a prediction as the shipped SQL and that of `init` compute it; `None` if they leave the
    /// record out.
    pub(super) fn error(&self, kind: ErrorKind, predicted: f64) -> Option<f64> {
        let absolute = (predicted - self.actual).abs();
        match kind {
            ErrorKind::Absolute => Some(absolute),
            ErrorKind::Relative => (self.actual > 0.0).then(|| {
                // As the SQL rounds it.
                (absolute / self.actual * 1_000.0).round() / 1_000.0
            }),
        }
    }
}

/// Reads the records of a source in the order of their actual values.
pub(super) struct Records {
    definition: &'static Definition,
    source: Source,
    /// Measured records whose actual value has not come, by key.
    measured: HashMap<String, (EventTime, Map<String, Value>)>,
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("measured", &self.measured.len())
            .finish_non_exhaustive()
    }
}

impl Records {
    pub(super) fn new(definition: &'static Definition, source: Source) -> Self {
        Self {
            definition,
            source,
            measured: HashMap::new(),
        }
    }

    fn actual(&mut self, record: &Outgoing) -> anyhow::Result<Option<Upcoming>> {
        let mut fields: Map<String, Value> = serde_json::from_slice(&record.value)
            .with_context(|| format!("the record with the key `{}` is not JSON", record.key))?;
        match record.kind {
            Kind::Measured => {
                let inputs = self.definition.inputs().filter_map(|column| {
                    let value = fields.remove(&column.field)?;
                    Some((column.name.clone(), value))
                });
                let inputs = inputs.collect();
                self.measured
                    .insert(record.key.clone(), (record.at, inputs));
                Ok(None)
            }
            Kind::Actual => {
                let actual = fields.get(&self.definition.target().field);
                let actual = actual.and_then(Value::as_f64);
                let known = self.measured.remove(&record.key).zip(actual);
                Ok(known.map(|((measured_at, inputs), actual)| Upcoming {
                    measured_at,
                    actual_at: record.at,
                    inputs,
                    actual,
                }))
            }
        }
    }
}

impl Iterator for Records {
    type Item = anyhow::Result<Upcoming>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let read = self.source.next()?.and_then(|record| self.actual(&record));
            if let Some(next) = read.transpose() {
                return Some(next);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(kind: Kind, key: &str, second: i64, value: &str) -> anyhow::Result<Outgoing> {
        Ok(Outgoing {
            kind,
            topic: "any",
            key: key.to_owned(),
            value: value.as_bytes().to_vec(),
            at: EventTime::from_millis(second * 1_000).expect("in range"),
        })
    }

    #[test]
    fn records_come_with_their_actual_values_in_the_order_of_these() {
        let text = include_str!("../../../../examples/penguins/pipeline.toml");
        let definition = Definition::parse(text).expect("a definition").leak();
        let measured = r#"{"Row":"1","species":"Adelie","sex":null,"bill_length_mm":39.1,"flipper_length_mm":181,"year":2007}"#;
        let source = vec![
            outgoing(Kind::Measured, "1", 0, measured),
            outgoing(Kind::Measured, "2", 2, measured),
            outgoing(Kind::Actual, "2", 4, r#"{"Row":"2","body_mass_g":3750}"#),
            outgoing(Kind::Actual, "3", 5, r#"{"Row":"3","body_mass_g":1}"#),
            outgoing(Kind::Actual, "1", 6, r#"{"Row":"1","body_mass_g":3000}"#),
        ];
        let records = Records::new(definition, Box::new(source.into_iter()));
        let read: Vec<Upcoming> = records.map(|record| record.expect("a record")).collect();
        let times: Vec<_> = read
            .iter()
            .map(|one| (one.measured_at.as_millis(), one.actual_at.as_millis()))
            .collect();
        assert_eq!(times, [(2_000, 4_000), (0, 6_000)]);
        assert_eq!(
            Value::Object(read[0].inputs.clone()),
            serde_json::json!({"flipper_length_mm": 181, "bill_length_mm": 39.1, "species": "Adelie"})
        );
        assert_eq!(read[0].error(ErrorKind::Relative, 3_000.0), Some(0.2));
        assert_eq!(read[0].error(ErrorKind::Absolute, 3_000.5), Some(749.5));
    }
}
