//! Building dead letters.

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use rdkafka::util::IntoOpaque;

use super::{OFFSET, OMITTED, PARTITION, REASON, STATUS, TIMESTAMP, TOPIC, topic_of};
use crate::client::Record;

/// Larger keys are left out together with the record, in bytes.
const LARGEST_KEY: usize = 1_024;

/// Why a record is dead-lettered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What is wrong with the record, for users and for the selection of a replay.
    pub text: String,
    /// The status code of the HTTP response that rejected the record, if there was one.
    pub status: Option<u16>,
}

impl Reason {
    /// A reason without an HTTP status.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            status: None,
        }
    }
}

/// A dead letter, ready to be sent.
#[derive(Debug)]
pub struct DeadLetter<'a> {
    topic: String,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    timestamp: Option<i64>,
    headers: OwnedHeaders,
}

impl<'a> DeadLetter<'a> {
    /// The dead letter of `record`, for the dead-letter topic of its topic.
    pub fn new(record: &Record<'a>, reason: &Reason) -> Self {
        Self {
            topic: topic_of(record.topic),
            key: record.key,
            value: record.value,
            timestamp: record.timestamp,
            headers: add_headers(record.headers(), record, reason),
        }
    }

    /// The dead letter of a `record` that is too large for one: without its value and headers.
    pub fn without_record(record: &Record<'a>, reason: &Reason) -> Self {
        let key = record.key.filter(|key| key.len() <= LARGEST_KEY);
        let bytes = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        let omitted = bytes(record.key) + bytes(record.value) - bytes(key);
        let headers = add_headers(OwnedHeaders::new(), record, reason);
        Self {
            topic: topic_of(record.topic),
            key,
            value: None,
            timestamp: record.timestamp,
            headers: add_header(headers, OMITTED, &omitted.to_string()),
        }
    }

    /// For a `BaseProducer` or `ThreadedProducer`; the delivery report returns `opaque`.
    pub fn as_base_record<O: IntoOpaque>(&'a self, opaque: O) -> BaseRecord<'a, [u8], [u8], O> {
        BaseRecord {
            topic: &self.topic,
            partition: None,
            payload: self.value,
            key: self.key,
            timestamp: self.timestamp,
            headers: Some(self.headers.clone()),
            delivery_opaque: opaque,
        }
    }
}

fn add_header(headers: OwnedHeaders, name: &str, text: &str) -> OwnedHeaders {
    headers.insert(Header {
        key: name,
        value: Some(text),
    })
}

fn add_headers(headers: OwnedHeaders, record: &Record<'_>, reason: &Reason) -> OwnedHeaders {
    let headers = add_header(headers, TOPIC, record.topic);
    let headers = add_header(headers, PARTITION, &record.partition.to_string());
    let mut headers = add_header(headers, OFFSET, &record.offset.to_string());
    if let Some(millis) = record.timestamp {
        headers = add_header(headers, TIMESTAMP, &millis.to_string());
    }
    headers = add_header(headers, REASON, &reason.text);
    if let Some(status) = reason.status {
        headers = add_header(headers, STATUS, &status.to_string());
    }
    headers
}

#[cfg(test)]
mod tests {
    use rdkafka::message::Headers;

    use super::*;
    use crate::client::record;

    #[test]
    fn a_dead_letter_has_the_records_bytes_origin_and_reason() {
        let record = record(7, Some(b"key"), Some(b"\xff not json"));
        let reason = Reason {
            text: "not JSON".into(),
            status: Some(400),
        };
        let dead_letter = DeadLetter::new(&record, &reason);
        let sent = dead_letter.as_base_record(());
        let headers = sent.headers.as_ref().expect("headers").iter();
        let headers: Vec<_> = headers.map(|h| (h.key, h.value)).collect();
        let expected = [
            ("dlq.topic", "in"),
            ("dlq.partition", "1"),
            ("dlq.offset", "7"),
            ("dlq.timestamp", "70"),
            ("dlq.reason", "not JSON"),
            ("dlq.status", "400"),
        ]
        .map(|(name, value)| (name, Some(value.as_bytes())));
        assert_eq!(headers, expected);
        assert_eq!(sent.topic, "in-dlq");
        assert_eq!(sent.payload, Some(&b"\xff not json"[..]));
        assert_eq!((sent.key, sent.timestamp), (Some(&b"key"[..]), Some(70)));
    }
}
