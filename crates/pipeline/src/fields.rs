//! The records of a pipeline: each topic's value, read with the columns of a [`Definition`].
//!
//! Unknown fields are ignored, so a producer may add fields. A field that occurs twice is an error, because
//! readers of JSON disagree on which one counts.

use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::column::{Column, level_fault};
use crate::definition::Definition;
use crate::event_time::EventTime;
use crate::wire::MessageError;

/// The values of the model's inputs, in the order of [`Definition::numbers`] and
/// [`Definition::categories`], and the group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    /// The numeric columns.
    pub numbers: Box<[f64]>,
    /// The categories.
    pub categories: Box<[Box<str>]>,
    /// The level of the group; `None` if the pipeline has no group.
    pub group: Option<Box<str>>,
}

/// A record that is measured and not yet predicted.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The key.
    pub key: String,
    /// The model's inputs.
    pub inputs: Inputs,
    /// When it was measured; the record's Kafka timestamp.
    pub timestamp: EventTime,
}

/// The actual value of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Actual {
    /// The key.
    pub key: String,
    /// The group, if the record has its field.
    pub group: Option<Box<str>>,
    /// The actual value, in the target's unit.
    pub value: f64,
    /// When it became known; the record's Kafka timestamp.
    pub timestamp: EventTime,
}

/// A measured record with the model's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// The key.
    pub key: String,
    /// The model's inputs.
    pub inputs: Inputs,
    /// When it was measured; the record's Kafka timestamp.
    pub timestamp: EventTime,
    /// The predicted value, in the target's unit.
    pub value: f64,
    /// When the model was trained, by the wall clock: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub model_time: String,
    /// Id of the model version.
    pub model_version: String,
    /// Whether the model was not trained on a level of a category.
    pub unseen: bool,
}

/// Predicted and actual value of a record, joined by the SQL.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// The id of the row in every store.
    pub row_id: String,
    /// The key.
    pub key: String,
    /// The model's inputs.
    pub inputs: Inputs,
    /// Predicted value, in the target's unit.
    pub predicted: f64,
    /// Actual value, in the target's unit.
    pub actual: f64,
    /// The error as the SQL computes it.
    pub error: f64,
    /// Id of the model version.
    pub model_version: String,
    /// When the actual value became known; the record's Kafka timestamp.
    pub timestamp: EventTime,
}

/// A trigger: the error of a model version over a window was too large.
#[derive(Clone, Debug, PartialEq)]
pub struct TriggerRecord {
    /// Id of the model version with this error.
    pub model_version: String,
    /// The groups in the window, in order of appearance; empty if the pipeline has no group.
    pub groups: Vec<String>,
    /// The key of the first record of the window by arrival.
    pub first_key: String,
    /// The key of the last record of the window by arrival.
    pub last_key: String,
    /// Mean error over the window.
    pub error_avg: f64,
    /// How many records the window contained.
    pub count: u64,
}

impl Definition {
    /// Reads a value of the topic of measured records.
    ///
    /// # Errors
    /// The bytes are not a JSON object; or a field is missing, has the wrong type, or is not finite.
    pub fn read_measured(&self, bytes: &[u8]) -> Result<Measured, MessageError> {
        let fields = Fields::parse(bytes)?;
        Ok(Measured {
            key: fields.key(&self.key)?,
            inputs: fields.inputs(self)?,
            timestamp: fields.timestamp()?,
        })
    }

    /// Reads a value of the topic of actual values.
    ///
    /// # Errors
    /// As [`read_measured`](Self::read_measured).
    pub fn read_actual(&self, bytes: &[u8]) -> Result<Actual, MessageError> {
        let fields = Fields::parse(bytes)?;
        Ok(Actual {
            key: fields.key(&self.key)?,
            group: self
                .group()
                .and_then(|group| fields.level(&group.field).ok()),
            value: fields.number(&self.target().field)?,
            timestamp: fields.timestamp()?,
        })
    }

    /// Reads a value of the topic of predictions.
    ///
    /// # Errors
    /// As [`read_measured`](Self::read_measured).
    pub fn read_predicted(&self, bytes: &[u8]) -> Result<Predicted, MessageError> {
        let fields = Fields::parse(bytes)?;
        let answer = fields.object("Prediction")?;
        Ok(Predicted {
            key: fields.key(&self.key)?,
            inputs: fields.inputs(self)?,
            timestamp: fields.timestamp()?,
            value: answer.number(&self.target().field)?,
            model_time: answer.text("ModelTime")?,
            model_version: answer.text("ModelVersion")?,
            unseen: self.is_unseen(&answer.fields),
        })
    }

    /// Reads a value of the topic of joined rows.
    ///
    /// # Errors
    /// As [`read_measured`](Self::read_measured). The SQL writes `null` for a value that it cannot compute;
    /// such a row is an error here.
    pub fn read_joined(&self, bytes: &[u8]) -> Result<Joined, MessageError> {
        let fields = Fields::parse(bytes)?;
        Ok(Joined {
            row_id: fields.text("_id")?,
            key: fields.key(&self.key)?,
            inputs: fields.inputs(self)?,
            predicted: fields.number(&self.predicted_field())?,
            actual: fields.number(&self.actual_field())?,
            error: fields.number("Error")?,
            model_version: fields.text("ModelVersion")?,
            timestamp: fields.timestamp()?,
        })
    }

    /// Reads a value of the topic of triggers.
    ///
    /// # Errors
    /// As [`read_measured`](Self::read_measured).
    pub fn read_trigger(&self, bytes: &[u8]) -> Result<TriggerRecord, MessageError> {
        let fields = Fields::parse(bytes)?;
        Ok(TriggerRecord {
            model_version: fields.text("ModelVersion")?,
            groups: match self.group() {
                Some(group) => fields.texts(&group.field)?,
                None => Vec::new(),
            },
            first_key: fields.key(&format!("{}_Start", self.key))?,
            last_key: fields.key(&format!("{}_End", self.key))?,
            error_avg: fields.number("ErrorAvg")?,
            count: fields.count(&self.count_field())?,
        })
    }

    /// The answer's field that flags levels of a category on which the model was not trained:
    /// `Unseen` and the field of the category if there is one (true or false), else `Unseen` (a list of
    /// columns). `None` if the model has no category.
    pub fn unseen_field(&self) -> Option<String> {
        let mut categories = self.categories();
        match (categories.next(), categories.next()) {
            (None, _) => None,
            (Some(only), None) => Some(format!("Unseen{}", only.field)),
            (Some(_), Some(_)) => Some("Unseen".to_owned()),
        }
    }

    /// Whether an answer says that the model was not trained on a level of a category.
    pub fn is_unseen(&self, answer: &Map<String, Value>) -> bool {
        match self.unseen_field().and_then(|field| answer.get(&field)) {
            Some(Value::Bool(unseen)) => *unseen,
            Some(Value::Array(columns)) => !columns.is_empty(),
            _ => false,
        }
    }
}

/// The fields of a JSON object.
struct Fields {
    fields: Map<String, Value>,
    /// The path of this object in the record, with a final point; empty for the record itself.
    path: &'static str,
}

impl Fields {
    fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let fields = json.deserialize_map(UniqueFields);
        let fields = fields.and_then(|fields| json.end().map(|()| fields));
        match fields {
            Ok(fields) => Ok(Self { fields, path: "" }),
            Err(error) => Err(MessageError::NotJson(error.to_string())),
        }
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field)
    }

    fn required(&self, field: &str) -> Result<&Value, MessageError> {
        match self.get(field) {
            Some(value) => Ok(value),
            None => Err(self.wrong(field, "is missing")),
        }
    }

    fn wrong(&self, field: &str, reason: impl Into<String>) -> MessageError {
        MessageError::Field {
            field: format!("{}{field}", self.path),
            reason: reason.into(),
        }
    }

    fn unexpected(&self, field: &str, expected: &str, found: &Value) -> MessageError {
        self.wrong(
            field,
            format!("expected {expected}, got {}", kind_of(found)),
        )
    }

    /// A key: a text or a number, as text.
    fn key(&self, field: &str) -> Result<String, MessageError> {
        match self.required(field)? {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(self.unexpected(field, "a text or a number", other)),
        }
    }

    fn text(&self, field: &str) -> Result<String, MessageError> {
        match self.required(field)? {
            Value::String(text) => Ok(text.clone()),
            other => Err(self.unexpected(field, "a text", other)),
        }
    }

    fn texts(&self, field: &str) -> Result<Vec<String>, MessageError> {
        let Value::Array(values) = self.required(field)? else {
            return Err(self.unexpected(field, "an array of texts", &self.fields[field]));
        };
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            other => Err(self.unexpected(field, "an array of texts", other)),
        };
        values.iter().map(text).collect()
    }

    fn level(&self, field: &str) -> Result<Box<str>, MessageError> {
        match self.required(field)? {
            Value::String(level) => match level_fault(level) {
                Some(fault) => Err(self.wrong(field, fault)),
                None => Ok(level.as_str().into()),
            },
            other => Err(self.unexpected(field, "a text", other)),
        }
    }

    fn number(&self, field: &str) -> Result<f64, MessageError> {
        match self.required(field)? {
            Value::Number(number) => number
                .as_f64()
                .filter(|value| value.is_finite())
                .ok_or_else(|| self.wrong(field, "is not a finite number")),
            other => Err(self.unexpected(field, "a number", other)),
        }
    }

    fn count(&self, field: &str) -> Result<u64, MessageError> {
        let value = self.required(field)?;
        let count = value.as_u64();
        count.ok_or_else(|| self.unexpected(field, "a whole number", value))
    }

    fn timestamp(&self) -> Result<EventTime, MessageError> {
        let text = self.text("Timestamp")?;
        text.parse()
            .map_err(|error| self.wrong("Timestamp", format!("{error}")))
    }

    fn object(&self, field: &'static str) -> Result<Fields, MessageError> {
        match self.required(field)? {
            Value::Object(fields) => Ok(Fields {
                fields: fields.clone(),
                path: "Prediction.",
            }),
            other => Err(self.unexpected(field, "an object", other)),
        }
    }

    fn inputs(&self, pipeline: &Definition) -> Result<Inputs, MessageError> {
        let number = |column: &Column| self.number(&column.field);
        let level = |column: &Column| self.level(&column.field);
        Ok(Inputs {
            numbers: pipeline.numbers().map(number).collect::<Result<_, _>>()?,
            categories: pipeline.categories().map(level).collect::<Result<_, _>>()?,
            group: pipeline.group().map(level).transpose()?,
        })
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Reads an object whose fields all differ.
struct UniqueFields;

impl<'de> Visitor<'de> for UniqueFields {
    type Value = serde_json::Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = serde_json::Map::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format!("the field `{name}` occurs twice")));
            }
            fields.insert(name, value);
        }
        Ok(fields)
    }
}
