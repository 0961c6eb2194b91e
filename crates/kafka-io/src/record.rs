//! Records of one partition, copied out of the client's memory into one buffer.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use rdkafka::Message;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, OwnedHeaders};

/// One record as it was read from its topic.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// The topic that it was read from.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Its Kafka timestamp in milliseconds since 1970-01-01T00:00Z, where it has one.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    headers: Option<&'a BorrowedHeaders>,
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

impl<'a> Record<'a> {
    /// A view of a message that a consumer returned.
    pub fn of(message: &'a BorrowedMessage<'_>) -> Self {
        Self {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key(),
            value: message.payload(),
            headers: message.headers(),
        }
    }

    /// A copy of the record's headers, empty and with room for some where it has none.
    ///
    /// The copy is made as a whole: looking at single headers fails on names that are not UTF-8.
    pub fn headers(&self) -> OwnedHeaders {
        self.headers.map_or_else(
            || OwnedHeaders::new_with_capacity(4),
            BorrowedHeaders::detach,
        )
    }
}

/// Consecutive records of one partition. Their bytes lie in one buffer, so that a record costs a
/// copy and no allocation of its own.
#[derive(Debug)]
pub struct Batch {
    topic: Arc<str>,
    partition: i32,
    /// The offsets that this batch answers for: it starts where the batch before it ended, so
    /// that offsets without a record (compacted, control records) leave no gap between batches.
    range: Range<i64>,
    received: Instant,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    offset: i64,
    timestamp: Option<i64>,
    start: usize,
    key: Option<usize>,
    value: Option<usize>,
    headers: Option<OwnedHeaders>,
}

/// What a record costs beyond its bytes, here and in librdkafka's queues (roughly, and rather too
/// much, so that the bound on memory holds for small records too).
const OVERHEAD: usize = 512;

impl Batch {
    /// An empty batch for the offsets from `start` on.
    pub fn new(topic: Arc<str>, partition: i32, start: i64) -> Self {
        Self {
            topic,
            partition,
            range: start..start,
            received: Instant::now(),
            bytes: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// Copies `record`, which must come after the ones before it.
    pub fn push(&mut self, record: &Record<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(record.key.unwrap_or_default());
        self.bytes
            .extend_from_slice(record.value.unwrap_or_default());
        self.entries.push(Entry {
            offset: record.offset,
            timestamp: record.timestamp,
            start,
            key: record.key.map(<[u8]>::len),
            value: record.value.map(<[u8]>::len),
            headers: record.headers.map(BorrowedHeaders::detach),
        });
        self.range.end = record.offset + 1;
    }

    /// Adds the records of `next`, which must be the batch that follows.
    pub fn append(&mut self, next: Self) {
        let shift = self.bytes.len();
        self.bytes.extend_from_slice(&next.bytes);
        self.entries
            .extend(next.entries.into_iter().map(|entry| Entry {
                start: entry.start + shift,
                ..entry
            }));
        self.range.end = next.range.end;
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The partition of all records.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The offsets that this batch answers for.
    pub fn range(&self) -> Range<i64> {
        self.range.clone()
    }

    /// When the first record was received.
    pub fn received(&self) -> Instant {
        self.received
    }

    /// Bytes of keys and values, plus an allowance for each record.
    pub fn weight(&self) -> usize {
        self.bytes.len() + self.entries.len() * OVERHEAD
    }

    /// The records in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.entries.iter().map(|entry| self.view(entry))
    }

    fn view<'a>(&'a self, entry: &'a Entry) -> Record<'a> {
        let key_end = entry.start + entry.key.unwrap_or(0);
        let value_end = key_end + entry.value.unwrap_or(0);
        Record {
            topic: &self.topic,
            partition: self.partition,
            offset: entry.offset,
            timestamp: entry.timestamp,
            key: entry.key.map(|_| &self.bytes[entry.start..key_end]),
            value: entry.value.map(|_| &self.bytes[key_end..value_end]),
            headers: entry.headers.as_ref().map(OwnedHeaders::as_borrowed),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A record without headers, for tests of pure code.
    pub(crate) fn record<'a>(
        offset: i64,
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
    ) -> Record<'a> {
        Record {
            topic: "in",
            partition: 1,
            offset,
            timestamp: Some(offset * 10),
            key,
            value,
            headers: None,
        }
    }

    #[test]
    fn records_come_out_of_merged_batches_as_they_went_in() {
        let mut first = Batch::new("in".into(), 1, 5);
        first.push(&record(5, Some(b"a"), Some(b"one")));
        let mut second = Batch::new("in".into(), 1, 6);
        second.push(&record(8, None, Some(b"")));
        second.push(&record(9, Some(b""), None));
        first.append(second);

        let seen: Vec<_> = first
            .records()
            .map(|r| (r.offset, r.timestamp, r.key, r.value))
            .collect();
        assert_eq!(
            seen,
            [
                (5, Some(50), Some(&b"a"[..]), Some(&b"one"[..])),
                (8, Some(80), None, Some(&b""[..])),
                (9, Some(90), Some(&b""[..]), None),
            ]
        );
        assert_eq!(first.range(), 5..10);
    }
}
