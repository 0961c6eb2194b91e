//! Reads the fields for the model from a record, without copying or changing it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::features::Feature;

/// The field for the prediction.
pub(crate) const PREDICTION: &str = "Prediction";

/// The fields to read from each record.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    fields: Vec<String>,
    key_field: Option<String>,
}

/// A record that can be sent to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Readable {
    /// The position of the object's closing brace, where the prediction goes.
    pub(crate) end: usize,
}

impl Schema {
    pub(crate) fn new(features: &[Feature], key_field: &str) -> Self {
        Self {
            fields: features.iter().map(|f| f.field.clone()).collect(),
            key_field: (!key_field.is_empty()).then(|| key_field.to_owned()),
        }
    }

    /// Checks that `value` is one JSON object with all fields of the features, and appends their JSON
    /// texts to `texts` in the order of the features.
    ///
    /// # Errors
    /// What is wrong with the record, as text for users; `texts` is then unchanged.
    pub(crate) fn read<'a>(
        &self,
        key: Option<&[u8]>,
        value: &'a [u8],
        texts: &mut Vec<&'a str>,
    ) -> Result<Readable, String> {
        let start = texts.len();
        let read = self.read_fields(key, value, texts);
        if read.is_err() {
            texts.truncate(start);
        }
        read
    }

    fn read_fields<'a>(
        &self,
        key: Option<&[u8]>,
        value: &'a [u8],
        texts: &mut Vec<&'a str>,
    ) -> Result<Readable, String> {
        let text = std::str::from_utf8(value).map_err(|error| format!("not UTF-8: {error}"))?;
        let start = texts.len();
        texts.resize(start + self.fields.len(), MISSING);
        let mut key_text = None;
        let mut json = serde_json::Deserializer::from_str(text);
        Fields {
            schema: self,
            texts: &mut texts[start..],
            key: &mut key_text,
        }
        .deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(|error| format!("not a usable JSON object: {error}"))?;

        for (field, text) in self.fields.iter().zip(&texts[start..]) {
            match *text {
                MISSING => return Err(format!("field `{field}` is missing")),
                "null" => return Err(format!("field `{field}` is null")),
                _ => {}
            }
        }
        if let Some(field) = &self.key_field {
            check_key(field, key_text, key)?;
        }
        // Only white space follows the brace.
        let end = text.trim_ascii_end().len() - 1;
        Ok(Readable { end })
    }
}

/// The text of a field that was not found; no JSON value is empty.
const MISSING: &str = "";

fn check_key(field: &str, text: Option<&str>, key: Option<&[u8]>) -> Result<(), String> {
    let text = text.ok_or_else(|| format!("field `{field}` is missing"))?;
    let key =
        key.ok_or_else(|| format!("the record has no key: expected the value of field `{field}`"))?;
    let same = match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => plain.as_bytes() == key,
        // It has an escape.
        Some(_) => serde_json::from_str::<String>(text).is_ok_and(|t| t.as_bytes() == key),
        None => text.as_bytes() == key,
    };
    if same {
        Ok(())
    } else {
        Err(format!(
            "the record's key `{}` is not field `{field}` ({text})",
            String::from_utf8_lossy(key)
        ))
    }
}

/// Visits the object's top level.
struct Fields<'s, 't, 'a> {
    schema: &'s Schema,
    texts: &'t mut [&'a str],
    key: &'t mut Option<&'a str>,
}

impl<'a> DeserializeSeed<'a> for Fields<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Fields<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Name(self.schema))? {
            if name.is_prediction {
                return Err(A::Error::custom("it already has a field `Prediction`"));
            }
            if !name.is_key && name.features == 0 {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let text = map.next_value::<&RawValue>()?.get();
            let mut twice = name.is_key && self.key.replace(text).is_some();
            for (at, slot) in self.texts.iter_mut().enumerate() {
                if name.features & (1 << at) != 0 {
                    twice |= std::mem::replace(slot, text) != MISSING;
                }
            }
            if twice {
                return Err(A::Error::custom("a required field occurs twice"));
            }
        }
        Ok(())
    }
}

/// Looks up a field's name.
struct Name<'s>(&'s Schema);

#[derive(Clone, Copy)]
struct Meaning {
    is_key: bool,
    is_prediction: bool,
    /// A bit for each feature; one field may fill several parameters.
    features: u64,
}

/// The number of bits in [`Meaning::features`].
pub(crate) const MAX_FEATURES: usize = 64;

impl<'a> DeserializeSeed<'a> for Name<'_> {
    type Value = Meaning;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Meaning, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Meaning;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Meaning, E> {
        let fields = self.0.fields.iter().enumerate();
        Ok(Meaning {
            is_key: self.0.key_field.as_deref() == Some(name),
            is_prediction: name == PREDICTION,
            features: fields
                .filter(|(_, field)| *field == name)
                .fold(0, |bits, (at, _)| bits | (1 << at)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let features = ["length=Length", "species=Species"].map(|f| f.parse().expect("a feature"));
        Schema::new(&features, "Id")
    }

    fn read(value: &str) -> Result<Vec<&str>, String> {
        let mut texts = Vec::new();
        let read = schema().read(Some(b"7"), value.as_bytes(), &mut texts)?;
        assert_eq!(value.as_bytes()[read.end], b'}');
        Ok(texts)
    }

    #[test]
    fn fields_keep_their_json_text() {
        assert_eq!(
            read(
                "{\"Species\":\"s\\u0061\",\"More\":{\"Length\":1},\"Length\":8.60e+1 ,\"Id\":\"7\"} \n"
            ),
            Ok(vec!["8.60e+1", "\"s\\u0061\""])
        );
    }

    #[test]
    fn keys_match_strings_and_numbers() {
        let with = |id: &str| {
            let value = format!(r#"{{"Length":1,"Species":"s","Id":{id}}}"#);
            read(&value).map(|_| ())
        };
        assert!(with("\"7\"").is_ok());
        assert!(with("\"\\u0037\"").is_ok());
        assert!(with("7").is_ok());
        let error = with("\"8\"").expect_err("different");
        assert_eq!(error, "the record's key `7` is not field `Id` (\"8\")");
    }

    #[test]
    fn unusable_records_are_rejected_with_the_reason() {
        for (value, reason) in [
            ("", "not a usable JSON object"),
            ("[1]", "not a usable JSON object"),
            ("{\"Length\":1,", "not a usable JSON object"),
            (
                "{\"Length\":1,\"Species\":\"s\",\"Id\":7} x",
                "not a usable JSON object",
            ),
            ("{\"Species\":\"s\",\"Id\":7}", "field `Length` is missing"),
            (
                "{\"Length\":null,\"Species\":\"s\",\"Id\":7}",
                "field `Length` is null",
            ),
            ("{\"Length\":1,\"Species\":\"s\"}", "field `Id` is missing"),
            (
                "{\"Length\":1,\"Length\":2,\"Species\":\"s\",\"Id\":7}",
                "twice",
            ),
            (
                "{\"Length\":1,\"Species\":\"s\",\"Id\":7,\"Prediction\":1}",
                "already has a field `Prediction`",
            ),
        ] {
            let error = read(value).expect_err(value);
            assert!(error.contains(reason), "{value}: {error}");
        }
        let mut texts = Vec::new();
        let error = schema().read(Some(b"7"), b"{\"a\":\"\xff\"}", &mut texts);
        assert!(error.expect_err("bytes").starts_with("not UTF-8"));
        assert!(texts.is_empty());
    }
}
