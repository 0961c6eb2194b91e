//! Where a dead letter came from and why it is one.

use rdkafka::message::{Header, Headers, OwnedHeaders};

use crate::dead_letter;
use crate::headers::readable;

/// The prefix of Kafka Connect's headers.
const CONNECT: &str = "__connect.errors.";
/// The prefix of this suite's headers.
const OWN: &str = "dlq.";

/// What a letter's headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The topic that the record was read from.
    pub topic: Option<String>,
    /// Why it was dead-lettered; Connect's exception class and message.
    pub reason: String,
    /// Whether the record itself was too large to be in the letter.
    pub omitted: bool,
}

impl Origin {
    /// Reads the headers; of several with one name the last counts.
    pub fn read<H: Headers>(headers: &H) -> Self {
        let mut origin = Self::default();
        let (mut class, mut message) = (String::new(), String::new());
        for Header { key, value } in readable(headers) {
            let text = || String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
            match key {
                dead_letter::TOPIC | "__connect.errors.topic" => origin.topic = Some(text()),
                dead_letter::REASON => origin.reason = text(),
                dead_letter::OMITTED => origin.omitted = true,
                "__connect.errors.exception.class.name" => class = text(),
                "__connect.errors.exception.message" => message = text(),
                _ => {}
            }
        }
        if origin.reason.is_empty() && !class.is_empty() {
            origin.reason = format!("{class}: {message}");
        }
        origin
    }
}

/// The headers that the record had before it was dead-lettered.
pub(crate) fn original_headers<H: Headers>(headers: Option<&H>) -> OwnedHeaders {
    let all = headers.into_iter().flat_map(readable);
    all.filter(|header| !header.key.starts_with(OWN) && !header.key.starts_with(CONNECT))
        .fold(OwnedHeaders::new(), OwnedHeaders::insert)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> OwnedHeaders {
        pairs
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(*value),
                })
            })
    }

    #[test]
    fn letters_of_this_suite_and_of_connect_tell_where_they_came_from() {
        let own = headers(&[
            ("dlq.topic", "old"),
            ("dlq.topic", "a"),
            ("dlq.reason", "bad"),
        ]);
        let origin = Origin {
            topic: Some("a".into()),
            reason: "bad".into(),
            omitted: false,
        };
        assert_eq!(Origin::read(&own), origin);

        let connect = headers(&[
            ("__connect.errors.topic", "b"),
            ("__connect.errors.exception.class.name", "DataException"),
            ("__connect.errors.exception.message", "no _id"),
        ]);
        let origin = Origin {
            topic: Some("b".into()),
            reason: "DataException: no _id".into(),
            omitted: false,
        };
        assert_eq!(Origin::read(&connect), origin);
    }

    #[test]
    fn a_record_goes_back_with_the_headers_that_it_had_before() {
        let letter = headers(&[
            ("trace", "1"),
            ("dlq.topic", "a"),
            ("__connect.errors.topic", "b"),
        ]);
        let original = original_headers(Some(&letter));
        let names: Vec<_> = original
            .iter()
            .map(|header| header.key.to_owned())
            .collect();
        assert_eq!(names, ["trace"]);
    }
}
