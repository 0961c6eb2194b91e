//! Records that cannot be used are kept on a topic of their own, as they were.
//!
//! A dead letter has the record's key, value, timestamp and headers, and these besides (numbers
//! and text as UTF-8). Where a record is dead-lettered twice, the last header of a name counts.
//!
//! | header | content |
//! |---|---|
//! | `dlq.topic` | the topic that the record was read from |
//! | `dlq.partition` | its partition |
//! | `dlq.offset` | its offset |
//! | `dlq.timestamp` | its timestamp, milliseconds since 1970-01-01T00:00Z; absent where it has none |
//! | `dlq.reason` | what is wrong with it |
//! | `dlq.status` | the status of the HTTP answer that refused it; absent where none did |
//! | `dlq.omitted` | only where the record and these headers are too large for one message: how many bytes of it were left out |
//!
//! A letter with `dlq.omitted` has no value and none of the record's headers, nor its key where that
//! is large; the record itself is where it came from, until retention deletes it.
//!
//! A program with its own loop writes one with
//! `producer.send(dead_letter::of(&record, &reason).as_base_record(…))`.

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use rdkafka::util::IntoOpaque;

use crate::{Reason, Record};

/// Header: the topic that the record was read from.
pub const TOPIC: &str = "dlq.topic";
/// Header: its partition.
pub const PARTITION: &str = "dlq.partition";
/// Header: its offset.
pub const OFFSET: &str = "dlq.offset";
/// Header: its timestamp in milliseconds.
pub const TIMESTAMP: &str = "dlq.timestamp";
/// Header: what is wrong with it.
pub const REASON: &str = "dlq.reason";
/// Header: the status of the HTTP answer that refused it.
pub const STATUS: &str = "dlq.status";
/// Header: how many bytes of the record are not in the letter.
pub const OMITTED: &str = "dlq.omitted";

/// The largest key that stays in a letter whose record is left out, in bytes.
const LARGEST_KEY: usize = 1_024;

/// The dead-letter topic of a topic.
pub fn topic_of(topic: &str) -> String {
    format!("{topic}-dlq")
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

/// The dead letter of `record`, for the topic [`topic_of`] its topic.
pub fn of<'a>(record: &Record<'a>, reason: &Reason) -> DeadLetter<'a> {
    DeadLetter {
        topic: topic_of(record.topic),
        key: record.key,
        value: record.value,
        timestamp: record.timestamp,
        headers: headers(record.headers(), record, reason),
    }
}

/// The dead letter of a `record` that is too large for one: without its value and its headers.
pub fn without_the_record<'a>(record: &Record<'a>, reason: &Reason) -> DeadLetter<'a> {
    let key = record.key.filter(|key| key.len() <= LARGEST_KEY);
    let bytes = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
    let left_out = bytes(record.key) + bytes(record.value) - bytes(key);
    DeadLetter {
        topic: topic_of(record.topic),
        key,
        value: None,
        timestamp: record.timestamp,
        headers: put(
            headers(OwnedHeaders::new(), record, reason),
            OMITTED,
            &left_out.to_string(),
        ),
    }
}

impl<'a> DeadLetter<'a> {
    /// For a `BaseProducer` or `ThreadedProducer`; `opaque` comes back with the delivery report.
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

/// `headers` with one more.
fn put(headers: OwnedHeaders, name: &str, text: &str) -> OwnedHeaders {
    headers.insert(Header {
        key: name,
        value: Some(text),
    })
}

/// `headers`, then where the record came from and what is wrong with it.
fn headers(headers: OwnedHeaders, record: &Record<'_>, reason: &Reason) -> OwnedHeaders {
    let headers = put(headers, TOPIC, record.topic);
    let headers = put(headers, PARTITION, &record.partition.to_string());
    let mut headers = put(headers, OFFSET, &record.offset.to_string());
    if let Some(millis) = record.timestamp {
        headers = put(headers, TIMESTAMP, &millis.to_string());
    }
    headers = put(headers, REASON, &reason.text);
    if let Some(status) = reason.status {
        headers = put(headers, STATUS, &status.to_string());
    }
    headers
}

#[cfg(test)]
mod tests {
    use rdkafka::message::Headers;

    use super::*;
    use crate::record::tests::record;

    #[test]
    fn a_dead_letter_says_where_it_came_from_and_why_and_keeps_the_bytes() {
        let record = record(7, Some(b"key"), Some(b"\xff not json"));
        let reason = Reason {
            text: "not JSON".into(),
            status: Some(400),
        };
        let letter = of(&record, &reason);
        let sent = letter.as_base_record(());
        let headers: Vec<_> = sent
            .headers
            .as_ref()
            .expect("headers")
            .iter()
            .map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec)))
            .collect();
        let expected = [
            ("dlq.topic", "in"),
            ("dlq.partition", "1"),
            ("dlq.offset", "7"),
            ("dlq.timestamp", "70"),
            ("dlq.reason", "not JSON"),
            ("dlq.status", "400"),
        ]
        .map(|(name, value)| (name.to_owned(), Some(value.as_bytes().to_vec())));
        assert_eq!(headers, expected);
        assert_eq!(sent.topic, "in-dlq");
        assert_eq!(sent.payload, Some(&b"\xff not json"[..]));
        assert_eq!((sent.key, sent.timestamp), (Some(&b"key"[..]), Some(70)));
    }
}
