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

/// The dead-letter topic of a topic.
pub fn topic_of(topic: &str) -> String {
    format!("{topic}-dlq")
}

/// A dead letter, ready to be sent.
#[derive(Debug)]
pub struct DeadLetter<'a> {
    topic: String,
    record: &'a Record<'a>,
    headers: OwnedHeaders,
}

/// The dead letter of `record`, for the topic [`topic_of`] its topic.
pub fn of<'a>(record: &'a Record<'a>, reason: &Reason) -> DeadLetter<'a> {
    DeadLetter {
        topic: topic_of(record.topic),
        record,
        headers: headers(record, reason),
    }
}

impl<'a> DeadLetter<'a> {
    /// For a `BaseProducer` or `ThreadedProducer`; `opaque` comes back with the delivery report.
    pub fn as_base_record<O: IntoOpaque>(&'a self, opaque: O) -> BaseRecord<'a, [u8], [u8], O> {
        BaseRecord {
            topic: &self.topic,
            partition: None,
            payload: self.record.value,
            key: self.record.key,
            timestamp: self.record.timestamp,
            headers: Some(self.headers.clone()),
            delivery_opaque: opaque,
        }
    }
}

fn headers(record: &Record<'_>, reason: &Reason) -> OwnedHeaders {
    let mut headers = record.headers();
    let mut put = |name: &str, text: &str| {
        let all = std::mem::take(&mut headers);
        headers = all.insert(Header {
            key: name,
            value: Some(text),
        });
    };
    put(TOPIC, record.topic);
    put(PARTITION, &record.partition.to_string());
    put(OFFSET, &record.offset.to_string());
    if let Some(millis) = record.timestamp {
        put(TIMESTAMP, &millis.to_string());
    }
    put(REASON, &reason.text);
    if let Some(status) = reason.status {
        put(STATUS, &status.to_string());
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
