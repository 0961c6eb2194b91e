//! The topic of a dead letter's record and the reason, from its headers.

use rdkafka::message::{Header, Headers, OwnedHeaders};

use super::{OMITTED, REASON, TOPIC};
use crate::client::readable_headers;

/// The prefix of Kafka Connect's headers.
const CONNECT: &str = "__connect.errors.";
/// The prefix of this suite's headers.
const OWN: &str = "dlq.";

/// What the headers of a dead letter say; both this suite's and Kafka Connect's are understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The topic of the record.
    pub topic: Option<String>,
    /// Why it was dead-lettered; of Connect's headers the exception's class and message.
    pub reason: String,
    /// Whether the record was too large for the dead letter.
    pub omitted: bool,
}

impl Origin {
    /// Reads the headers. If a name occurs several times, the last one counts.
    pub fn read<H: Headers>(headers: &H) -> Self {
        let mut origin = Self::default();
        let (mut class, mut message) = (String::new(), String::new());
        for Header { key, value } in readable_headers(headers) {
            let text = || String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
            match key {
                TOPIC | "__connect.errors.topic" => origin.topic = Some(text()),
                REASON => origin.reason = text(),
                OMITTED => origin.omitted = true,
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
pub(super) fn original_headers<H: Headers>(headers: Option<&H>) -> OwnedHeaders {
    let all = headers.into_iter().flat_map(readable_headers);
    all.filter(|header| !header.key.starts_with(OWN) && !header.key.starts_with(CONNECT))
        .fold(OwnedHeaders::new(), OwnedHeaders::insert)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> OwnedHeaders {
        let add = |headers: OwnedHeaders, (key, value): &(&str, &str)| {
            headers.insert(Header {
                key,
                value: Some(*value),
            })
        };
        pairs.iter().fold(OwnedHeaders::new(), add)
    }

    #[test]
    fn the_headers_of_this_suite_and_of_connect_are_read() {
        let origin = |topic: &str, reason: &str| Origin {
            topic: Some(topic.into()),
            reason: reason.into(),
            omitted: false,
        };
        let own = headers(&[
            ("dlq.topic", "old"),
            ("dlq.topic", "a"),
            ("dlq.reason", "bad"),
        ]);
        assert_eq!(Origin::read(&own), origin("a", "bad"));
        let connect = headers(&[
            ("__connect.errors.topic", "b"),
            ("__connect.errors.exception.class.name", "DataException"),
            ("__connect.errors.exception.message", "no _id"),
        ]);
        let expected = origin("b", "DataException: no _id");
        assert_eq!(Origin::read(&connect), expected);
    }

    #[test]
    fn a_replayed_record_has_its_original_headers() {
        let dead_letter = headers(&[
            ("trace", "1"),
            ("dlq.topic", "a"),
            ("__connect.errors.topic", "b"),
        ]);
        let original = original_headers(Some(&dead_letter));
        let names: Vec<_> = original.iter().map(|header| header.key).collect();
        assert_eq!(names, ["trace"]);
    }
}
