//! From a record to its bytes and back: JSON, with errors that name the field.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// A field is missing, has the wrong type, or is not a finite number.
    #[error("field `{field}`: {reason}")]
    Field {
        /// The field's path as on the wire, such as `Prediction.Weight`.
        field: String,
        /// The problem.
        reason: String,
    },
    /// The bytes are not a JSON object.
    #[error("not a JSON object: {0}")]
    NotJson(String),
}

/// Reads the value of a record from its bytes.
pub trait FromWire: DeserializeOwned {
    /// Reads a record from UTF-8 JSON. Unknown fields are ignored.
    ///
    /// # Errors
    /// If the bytes are not a JSON object, or if a field is missing, has the wrong type or is not finite.
    fn from_wire(bytes: &[u8]) -> Result<Self, MessageError> {
        // serde reads a struct from an array too.
        if bytes.trim_ascii_start().first() == Some(&b'[') {
            return Err(MessageError::NotJson(
                "expected an object, got an array".into(),
            ));
        }
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let record: Self = serde_path_to_error::deserialize(&mut json).map_err(message_error)?;
        json.end()
            .map_err(|error| MessageError::NotJson(error.to_string()))?;
        Ok(record)
    }
}

/// Writes the value of a record as bytes.
pub trait ToWire: Serialize {
    /// The record as UTF-8 JSON, with its fields in the order of the type.
    ///
    /// # Errors
    /// If a number is not finite: JSON cannot represent it, and no reader accepts `null`.
    fn to_wire(&self) -> Result<Vec<u8>, MessageError> {
        let mut bytes = Vec::with_capacity(256);
        serde_path_to_error::serialize(self, &mut serde_json::Serializer::new(&mut bytes))
            .map_err(message_error)?;
        Ok(bytes)
    }
}

/// Serializes a finite number; an error for others. For `#[serde(serialize_with)]`.
pub(crate) fn finite<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.is_finite() {
        serializer.serialize_f64(*number)
    } else {
        Err(S::Error::custom(format!("{number} is not a finite number")))
    }
}

/// Deserializes a nested record from an object only. For `#[serde(deserialize_with)]`.
pub(crate) fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_map(Object(PhantomData))
}

fn message_error(error: serde_path_to_error::Error<serde_json::Error>) -> MessageError {
    let path = error.path().to_string();
    let reason = error.into_inner();
    let text = reason.to_string();
    // For a missing field, serde_json has the name in its text and the path of the surrounding object.
    let missing = text
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split_once('`'))
        .map(|(name, _)| name.to_owned());
    match missing {
        Some(name) if path == "." => MessageError::Field {
            field: name,
            reason: "is missing".into(),
        },
        Some(name) => MessageError::Field {
            field: format!("{path}.{name}"),
            reason: "is missing".into(),
        },
        None if path == "." || reason.is_eof() => MessageError::NotJson(text),
        None => MessageError::Field {
            field: path,
            reason: text,
        },
    }
}
