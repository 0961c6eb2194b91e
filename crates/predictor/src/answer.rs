//! Reading the model's answers, and putting them into the records.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_io::{Decision, Emission, Reason};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What stands between a record's other fields and the answer.
pub(crate) const PREDICTION_FIELD: &[u8] = b",\"Prediction\":";

/// Header on a result: the version of the model that answered.
pub const MODEL_VERSION: &str = "model.version";

/// The part of an answer that decides about its record.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow, rename = "ModelVersion")]
    model_version: Option<&'a RawValue>,
}

/// A problem as in RFC 9457, as far as it is passed on.
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

/// The reason in a problem's JSON text; the text itself where it is none.
pub(crate) fn reason(problem: &str, status: Option<u16>) -> Reason {
    let Ok(parsed) = serde_json::from_str::<Problem>(problem) else {
        return Reason {
            text: format!("refused by the model: {}", shortened(problem)),
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
        text: format!("refused by the model: {text}"),
        status: parsed.status.or(status),
    }
}

/// Enough of a text for a log line or a header.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 300;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Turns answers into decisions; results of one model version share their headers.
#[derive(Debug)]
pub(crate) struct Splicer {
    version: String,
    headers: Option<Arc<[(String, String)]>>,
    /// The results lie one behind the other in one buffer.
    buffer: BytesMut,
}

impl Splicer {
    /// With room for results of so many bytes together.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            version: String::new(),
            headers: None,
            buffer: BytesMut::with_capacity(bytes),
        }
    }

    /// What becomes of the record `value`, whose closing brace is at `end`, with this answer.
    pub(crate) fn decide(&mut self, value: &[u8], end: usize, answer: &str) -> Decision {
        match serde_json::from_str::<Answer<'_>>(answer) {
            Ok(Answer {
                error: Some(problem),
                ..
            }) => Decision::DeadLetter(reason(problem.get(), None)),
            Ok(Answer { model_version, .. }) if answer.starts_with('{') => {
                Decision::Emit(Emission {
                    value: self.splice(value, end, answer),
                    headers: self.headers(model_version),
                })
            }
            _ => Decision::DeadLetter(Reason::new(format!(
                "the model answered `{}`",
                shortened(answer)
            ))),
        }
    }

    /// The record byte for byte, with the answer as its last field.
    fn splice(&mut self, value: &[u8], end: usize, answer: &str) -> Bytes {
        let (before, after) = value.split_at(end);
        self.buffer.extend_from_slice(before);
        self.buffer.extend_from_slice(PREDICTION_FIELD);
        self.buffer.extend_from_slice(answer.as_bytes());
        self.buffer.extend_from_slice(after);
        self.buffer.split().freeze()
    }

    fn headers(&mut self, version: Option<&RawValue>) -> Arc<[(String, String)]> {
        let version = version.map_or("", RawValue::get);
        match &self.headers {
            Some(headers) if self.version == version => Arc::clone(headers),
            _ => {
                // Text without its quotes, anything else as it is written.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_becomes_the_last_field_and_no_other_byte_changes() {
        let value = b"{ \"Length\" : 8.60e+1 }\n";
        let answer = "{\"Weight\": 3.0,\"ModelVersion\":\"v1\"}";
        let decided = Splicer::with_capacity(0).decide(value, 21, answer);
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
    fn an_error_in_the_records_place_says_which_field_and_why() {
        let answer = r#"{"error":{"title":"Bad input","status":400,"errors":[{"field":"length","reason":"must be positive"}]}}"#;
        let decided = Splicer::with_capacity(0).decide(b"{}", 1, answer);
        assert_eq!(
            decided,
            Decision::DeadLetter(Reason {
                text: "refused by the model: Bad input; length: must be positive".into(),
                status: Some(400),
            })
        );
    }

    #[test]
    fn an_answer_that_is_no_object_refuses_its_record() {
        for answer in ["null", "\"NA\"", "[]", "3"] {
            let decided = Splicer::with_capacity(0).decide(b"{}", 1, answer);
            let expected = Reason::new(format!("the model answered `{answer}`"));
            assert_eq!(decided, Decision::DeadLetter(expected));
        }
    }
}
