//! Reads what a model answers for one record.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The field with the version of the model, in the answers of the model server.
const MODEL_VERSION: &str = "ModelVersion";
/// The field with a problem instead of a prediction, in the answers to `POST /predictions`.
const ERROR: &str = "error";

/// What an answer is.
#[derive(Debug)]
pub(crate) enum Answer<'a> {
    /// A prediction: the target is a number.
    Prediction {
        /// The version of the model, if the answer names one.
        model_version: Option<&'a RawValue>,
    },
    /// The target is an array of one number: R's plumber writes every value so by default.
    Boxed,
    /// A problem instead of a prediction.
    Error(&'a RawValue),
    /// The target is missing or not a number: what is wrong with it.
    Unusable(&'static str),
}

/// Reads an answer whose predicted value is the field `target`.
///
/// # Errors
/// The text is not a JSON object, or a field of interest occurs twice.
pub(crate) fn read<'a>(text: &'a str, target: &str) -> serde_json::Result<Answer<'a>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let parts = PartsOf { target }.deserialize(&mut json)?;
    json.end()?;
    if let Some(problem) = parts.error {
        return Ok(Answer::Error(problem));
    }
    let Some(value) = parts.target.map(RawValue::get) else {
        return Ok(Answer::Unusable("is missing"));
    };
    Ok(match fault(value) {
        None => Answer::Prediction {
            model_version: parts.model_version,
        },
        Some(_) if only_element(value).is_some_and(|only| fault(only.get()).is_none()) => {
            Answer::Boxed
        }
        Some(fault) => Answer::Unusable(fault),
    })
}

/// The answer with the elements of all arrays of one element in their place.
///
/// # Errors
/// The text is not a JSON object.
pub(crate) fn unboxed(text: &str) -> serde_json::Result<String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let fields = json.deserialize_map(AllFields)?;
    json.end()?;
    let mut unboxed = String::with_capacity(text.len());
    for (name, value) in fields {
        unboxed.push(if unboxed.is_empty() { '{' } else { ',' });
        unboxed.push_str(&serde_json::Value::from(name).to_string());
        unboxed.push(':');
        let value = value.get();
        unboxed.push_str(only_element(value).map_or(value, RawValue::get));
    }
    unboxed.push('}');
    Ok(unboxed)
}

fn only_element(value: &str) -> Option<&RawValue> {
    if !value.starts_with('[') {
        return None;
    }
    let [only] = serde_json::from_str::<Vec<&RawValue>>(value).ok()?[..] else {
        return None;
    };
    Some(only)
}

/// What is wrong with a predicted value, if anything.
fn fault(value: &str) -> Option<&'static str> {
    /// Shorter texts without an exponent are below the range of a double.
    const SURELY_FINITE: usize = 300;
    match value.as_bytes() {
        [b'-' | b'0'..=b'9', ..] => {
            let has_exponent = || value.bytes().any(|byte| matches!(byte, b'e' | b'E'));
            let may_overflow = value.len() > SURELY_FINITE || has_exponent();
            let is_finite = |value: &str| value.parse().is_ok_and(f64::is_finite);
            (may_overflow && !is_finite(value)).then_some("is not a finite number")
        }
        [b'"', ..] => Some("is a text"),
        [b'[', ..] => Some("is an array"),
        [b'{', ..] => Some("is an object"),
        [b'n', ..] => Some("is null"),
        _ => Some("is true or false"),
    }
}

/// The fields of interest.
#[derive(Default)]
struct Parts<'a> {
    target: Option<&'a RawValue>,
    model_version: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

struct PartsOf<'t> {
    target: &'t str,
}

impl<'a> DeserializeSeed<'a> for PartsOf<'_> {
    type Value = Parts<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Parts<'a>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for PartsOf<'_> {
    type Value = Parts<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Parts<'a>, A::Error> {
        let mut parts = Parts::default();
        while let Some(name) = map.next_key_seed(NameIn(self.target))? {
            let part = match name {
                Name::Target => &mut parts.target,
                Name::ModelVersion => &mut parts.model_version,
                Name::Error => &mut parts.error,
                Name::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if part.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom("a field occurs twice"));
            }
        }
        parts.error = parts.error.filter(|problem| problem.get() != "null");
        Ok(parts)
    }
}

enum Name {
    Target,
    ModelVersion,
    Error,
    Other,
}

/// Looks up a field's name.
struct NameIn<'t>(&'t str);

impl<'a> DeserializeSeed<'a> for NameIn<'_> {
    type Value = Name;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameIn<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        Ok(match name {
            _ if name == self.0 => Name::Target,
            MODEL_VERSION => Name::ModelVersion,
            ERROR => Name::Error,
            _ => Name::Other,
        })
    }
}

/// Reads all fields in their order.
struct AllFields;

impl<'a> Visitor<'a> for AllFields {
    type Value = Vec<(String, &'a RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(fields)
    }
}
