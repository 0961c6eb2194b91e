//! Converters: from a record's bytes to the value that a sink receives.

use serde_json::Value as Json;

use crate::ConfigError;
use crate::failure::{DATA_EXCEPTION, Failure};
use crate::options::Options;

const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";
const BYTES: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";

/// A value as a sink receives it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A tombstone: a record without a value.
    Null,
    /// From the `StringConverter`.
    Text(String),
    /// From the `JsonConverter` without schemas.
    Json(Json),
}

/// The converter of a record's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueConverter {
    String,
    Json,
}

impl ValueConverter {
    /// From `value.converter` and `key.converter`.
    pub(crate) fn from_options(options: &mut Options) -> Result<Self, ConfigError> {
        // No sink here reads the key, and neither converter can fail.
        options.choice("key.converter", None, &[(STRING, ()), (BYTES, ())])?;
        let converter = options.choice(
            "value.converter",
            None,
            &[(STRING, Self::String), (JSON, Self::Json)],
        )?;
        // A worker's default is true: JSON with an embedded schema.
        if converter == Self::Json && options.flag("value.converter.schemas.enable", true)? {
            return Err(options.refuse(
                "value.converter.schemas.enable",
                "must be false: JSON with embedded schemas is not supported",
            ));
        }
        Ok(converter)
    }

    /// The Java class, for the headers of dead letters.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::String => STRING,
            Self::Json => JSON,
        }
    }

    /// The value in `bytes`. As on a worker, the `JsonConverter` reads empty bytes and `null` as a
    /// tombstone, and the `StringConverter` replaces invalid UTF-8.
    pub(crate) fn convert(self, bytes: Option<&[u8]>) -> Result<Value, Failure> {
        let Some(bytes) = bytes else {
            return Ok(Value::Null);
        };
        match self {
            Self::String => Ok(Value::Text(String::from_utf8_lossy(bytes).into_owned())),
            Self::Json if bytes.is_empty() => Ok(Value::Null),
            Self::Json => match serde_json::from_slice(bytes) {
                Ok(Json::Null) => Ok(Value::Null),
                Ok(json) => Ok(Value::Json(json)),
                Err(error) => Err(Failure::tolerable(
                    DATA_EXCEPTION,
                    format!("the value is not JSON: {error}"),
                )),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_bytes_and_null_are_tombstones_in_json() {
        for bytes in [None, Some(&b""[..]), Some(b" null ")] {
            let value = ValueConverter::Json.convert(bytes).expect("a value");
            assert_eq!(value, Value::Null);
        }
    }

    #[test]
    fn the_string_converter_keeps_text_and_never_fails() {
        let convert = |bytes| {
            ValueConverter::String
                .convert(Some(bytes))
                .expect("a value")
        };
        assert_eq!(convert("{bröken".as_bytes()), Value::Text("{bröken".into()));
        assert_eq!(convert(b""), Value::Text(String::new()));
        assert_eq!(convert(b"\xff"), Value::Text("\u{fffd}".into()));
    }
}
