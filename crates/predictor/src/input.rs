//! Reading what the model needs out of a record, without copying or changing anything.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::features::Feature;

/// The field that the answer is put into.
pub(crate) const PREDICTION: &str = "Prediction";

/// What is read from every record.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    fields: Vec<String>,
    key_field: Option<String>,
}

/// A record that can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Readable {
    /// Where the answer goes: the position of the object's closing brace.
    pub(crate) end: usize,
}

impl Schema {
    pub(crate) fn new(features: &[Feature], key_field: &str) -> Self {
        Self {
            fields: features.iter().map(|f| f.field.clone()).collect(),
            key_field: (!key_field.is_empty()).then(|| key_field.to_owned()),
        }
    }

    /// Checks that `value` is one JSON object with every field that is asked for, and appends
    /// their texts to `texts` in the features' order. Numbers stay as they were written.
    ///
    /// # Errors
    /// What is wrong with the record, for people; `texts` is then as it was.
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
        // Nothing but white space may follow the brace.
        let end = text.trim_ascii_end().len() - 1;
        Ok(Readable { end })
    }
}

/// No JSON value is empty.
const MISSING: &str = "";

fn check_key(field: &str, text: Option<&str>, key: Option<&[u8]>) -> Result<(), String> {
    let text = text.ok_or_else(|| format!("field `{field}` is missing"))?;
    let key = key.ok_or_else(|| format!("the record has no key; it must equal field `{field}`"))?;
    let same = match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => plain.as_bytes() == key,
        // With an escape in it.
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

/// The object's top level.
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
                return Err(A::Error::custom("it has a field `Prediction` already"));
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
                return Err(A::Error::custom("a field that is needed appears twice"));
            }
        }
        Ok(())
    }
}

/// What a field's name means.
struct Name<'s>(&'s Schema);

#[derive(Clone, Copy)]
struct Meaning {
    is_key: bool,
    is_prediction: bool,
    /// One bit for each feature: one field may fill several parameters.
    features: u64,
}

/// As many features as there are bits for them.
pub(crate) const MOST_FEATURES: usize = 64;

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
    fn fields_are_taken_as_they_were_written_whatever_else_is_in_the_record() {
        assert_eq!(
            read(
                "{\"Species\":\"s\\u0061\",\"More\":{\"Length\":1},\"Length\":8.60e+1 ,\"Id\":\"7\"} \n"
            ),
            Ok(vec!["8.60e+1", "\"s\\u0061\""])
        );
    }

    #[test]
    fn a_key_is_compared_as_text_whether_the_field_is_text_or_a_number() {
        let with = |id: &str| {
            let value = format!(r#"{{"Length":1,"Species":"s","Id":{id}}}"#);
            read(&value).map(|_| ())
        };
        assert!(with("\"7\"").is_ok());
        assert!(with("\"\\u0037\"").is_ok());
        assert!(with("7").is_ok());
        let error = with("\"8\"").expect_err("another id");
        assert_eq!(error, "the record's key `7` is not field `Id` (\"8\")");
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
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
                "`Prediction` already",
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
