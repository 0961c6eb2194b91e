//! Reads the model's responses and adds predictions to records.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_io::{Decision, Emission, Reason};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::answer::{self, Answer};

/// The text between a record's other fields and the prediction.
pub(crate) const PREDICTION_FIELD: &[u8] = b",\"Prediction\":";

/// Header of a result: the version of the model that predicted.
pub const MODEL_VERSION: &str = "model.version";

/// A problem as in RFC 9457: the parts for the reason of a dead letter.
#[derive(Deserialize)]
struct Problem {
    status: Option<u16>,
    title: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<FieldError>,
}

#[derive(Deserialize)]
struct FieldError {
    field: String,
    reason: String,
}

/// The reason in a problem's JSON text; the text itself if it is not a problem.
pub(crate) fn reason(problem: &str, status: Option<u16>) -> Reason {
    let Ok(parsed) = serde_json::from_str::<Problem>(problem) else {
        return Reason {
            text: format!("rejected by the model: {}", shortened(problem)),
            status,
        };
    };
    let general = parsed.detail.or(parsed.title);
    let fields = parsed
        .errors
        .iter()
        .map(|e| format!("{}: {}", e.field, e.reason));
    let parts: Vec<String> = general.into_iter().chain(fields).collect();
    let text = if parts.is_empty() {
        shortened(problem)
    } else {
        parts.join("; ")
    };
    Reason {
        text: format!("rejected by the model: {text}"),
        status: parsed.status.or(status),
    }
}

/// The first characters of a text, for a log line or a header.
pub(crate) fn shortened(text: &str) -> String {
    const LIMIT: usize = 300;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Turns predictions into decisions. Results of one model version share their headers.
#[derive(Debug)]
pub(crate) struct Splicer<'t> {
    /// The field of a prediction that holds the predicted value.
    target: &'t str,
    version: String,
    headers: Option<Arc<[(String, String)]>>,
    /// The results share one buffer.
    buffer: BytesMut,
}

impl<'t> Splicer<'t> {
    /// With room for `bytes` bytes of results.
    pub(crate) fn with_capacity(target: &'t str, bytes: usize) -> Self {
        Self {
            target,
            version: String::new(),
            headers: None,
            buffer: BytesMut::with_capacity(bytes),
        }
    }

    /// The decision about the record `value`, whose closing brace is at `end`.
    pub(crate) fn decide(&mut self, value: &[u8], end: usize, prediction: &str) -> Decision {
        match answer::read(prediction, self.target) {
            Ok(Answer::Prediction { model_version }) => Decision::Emit(Emission {
                value: self.splice(value, end, prediction),
                headers: self.headers(model_version),
            }),
            Ok(Answer::Boxed) => match answer::unboxed(prediction) {
                Ok(unboxed) => self.decide(value, end, &unboxed),
                Err(_) => Decision::DeadLetter(not_an_object(prediction)),
            },
            Ok(Answer::Error(problem)) => Decision::DeadLetter(reason(problem.get(), None)),
            Ok(Answer::Unusable(fault)) => Decision::DeadLetter(Reason::new(format!(
                "the model has no prediction: `{}` {fault}, expected a number: {}",
                self.target,
                shortened(prediction)
            ))),
            Err(_) => Decision::DeadLetter(not_an_object(prediction)),
        }
    }

    /// The record byte for byte, with the prediction as its last field.
    fn splice(&mut self, value: &[u8], end: usize, prediction: &str) -> Bytes {
        let (before, after) = value.split_at(end);
        self.buffer.extend_from_slice(before);
        self.buffer.extend_from_slice(PREDICTION_FIELD);
        self.buffer.extend_from_slice(prediction.as_bytes());
        self.buffer.extend_from_slice(after);
        self.buffer.split().freeze()
    }

    fn headers(&mut self, version: Option<&RawValue>) -> Arc<[(String, String)]> {
        let version = version.map_or("", RawValue::get);
        match &self.headers {
            Some(headers) if self.version == version => Arc::clone(headers),
            _ => {
                // Strings without their quotes, other values as they are written.
                let text = serde_json::from_str::<String>(version).unwrap_or(version.to_owned());
                let headers: Arc<[_]> = if text.is_empty() {
                    Arc::new([])
                } else {
                    Arc::new([(MODEL_VERSION.to_owned(), text)])
                };
                version.clone_into(&mut self.version);
                self.headers = Some(Arc::clone(&headers));
                headers
            }
        }
    }
}

fn not_an_object(prediction: &str) -> Reason {
    Reason::new(format!(
        "the model returned `{}`: expected an object",
        shortened(prediction)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prediction_becomes_the_last_field() {
        let value = b"{ \"Length\" : 8.60e+1 }\n";
        let prediction = "{\"Weight\": 3.0,\"ModelVersion\":\"v1\"}";
        let decided = Splicer::with_capacity("Weight", 0).decide(value, 21, prediction);
        let Decision::Emit(emission) = decided else {
            panic!("{decided:?}")
        };
        assert_eq!(
            String::from_utf8_lossy(&emission.value),
            "{ \"Length\" : 8.60e+1 ,\"Prediction\":{\"Weight\": 3.0,\"ModelVersion\":\"v1\"}}\n"
        );
        assert_eq!(
            *emission.headers,
            [("model.version".to_owned(), "v1".to_owned())]
        );
    }

    #[test]
    fn an_error_names_the_field_and_the_reason() {
        let prediction = r#"{"error":{"title":"Bad input","status":400,"errors":[{"field":"length","reason":"must be positive"}]}}"#;
        let decided = Splicer::with_capacity("Weight", 0).decide(b"{}", 1, prediction);
        assert_eq!(
            decided,
            Decision::DeadLetter(Reason {
                text: "rejected by the model: Bad input; length: must be positive".into(),
                status: Some(400),
            })
        );
    }

    #[test]
    fn values_in_arrays_of_one_element_are_taken_out() {
        let prediction =
            r#"{"Weight":[4.90],"Model Time":["t\"1"],"ModelVersion":["v1"],"Other":[1,2]}"#;
        let decided = Splicer::with_capacity("Weight", 0).decide(b"{\"a\":1}", 6, prediction);
        let Decision::Emit(emission) = decided else {
            panic!("{decided:?}")
        };
        assert_eq!(
            String::from_utf8_lossy(&emission.value),
            r#"{"a":1,"Prediction":{"Weight":4.90,"Model Time":"t\"1","ModelVersion":"v1","Other":[1,2]}}"#
        );
        assert_eq!(emission.headers[0].1, "v1");
    }

    #[test]
    fn an_answer_without_a_number_names_the_field() {
        for (prediction, fault) in [
            ("{}", "is missing"),
            (r#"{"prediction":4.9}"#, "is missing"),
            (r#"{"Weight":null}"#, "is null"),
            (r#"{"Weight":"4.9"}"#, "is a text"),
            (r#"{"Weight":["NA"]}"#, "is an array"),
            (r#"{"Weight":true}"#, "is true or false"),
            (r#"{"Weight":{"value":4.9}}"#, "is an object"),
            (r#"{"Weight":[]}"#, "is an array"),
            (r#"{"Weight":[4.9,5.1]}"#, "is an array"),
            (r#"{"Weight":[[4.9]]}"#, "is an array"),
            (r#"{"Weight":1e999}"#, "is not a finite number"),
        ] {
            let decided = Splicer::with_capacity("Weight", 0).decide(b"{}", 1, prediction);
            let Decision::DeadLetter(reason) = decided else {
                panic!("{prediction}: {decided:?}")
            };
            let expected = format!(
                "the model has no prediction: `Weight` {fault}, expected a number: {prediction}"
            );
            assert_eq!(reason.text, expected);
        }
    }

    #[test]
    fn a_prediction_that_is_not_an_object_is_rejected() {
        for prediction in ["null", "\"NA\"", "[]", "3"] {
            let decided = Splicer::with_capacity("Weight", 0).decide(b"{}", 1, prediction);
            let expected = Reason::new(format!(
                "the model returned `{prediction}`: expected an object"
            ));
            assert_eq!(decided, Decision::DeadLetter(expected));
        }
    }
}
