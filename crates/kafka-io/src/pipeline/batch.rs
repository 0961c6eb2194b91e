//! Consecutive records of one partition, copied out of the client's memory into one buffer.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use rdkafka::message::{BorrowedHeaders, OwnedHeaders};

use crate::client::Record;

/// Consecutive records of one partition. Their bytes share one buffer, so a record needs no allocation
/// of its own.
#[derive(Debug)]
pub(super) struct Batch {
    topic: Arc<str>,
    partition: i32,
    /// The batch is responsible for these offsets. It starts where the batch before it ended, so
    /// offsets without a record (compacted, control records) leave no gap between batches.
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

/// The memory of a record beyond its bytes, here and in librdkafka's queues. A high estimate, so that
/// the limit also holds for small records.
const OVERHEAD: usize = 512;

impl Batch {
    /// An empty batch for the offsets from `start` on.
    pub(super) fn new(topic: Arc<str>, partition: i32, start: i64) -> Self {
        Self {
            topic,
            partition,
            range: start..start,
            received: Instant::now(),
            bytes: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// Appends a copy of `record`, which must come after the others.
    pub(super) fn push(&mut self, record: &Record<'_>) {
        let start = self.bytes.len();
        for part in [record.key, record.value].into_iter().flatten() {
            self.bytes.extend_from_slice(part);
        }
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

    /// Appends the records of `next`, which must be the batch that follows.
    pub(super) fn append(&mut self, next: Self) {
        let shift = self.bytes.len();
        self.bytes.extend_from_slice(&next.bytes);
        self.entries
            .extend(next.entries.into_iter().map(|entry| Entry {
                start: entry.start + shift,
                ..entry
            }));
        self.range.end = next.range.end;
    }

    /// The number of records.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn partition(&self) -> i32 {
        self.partition
    }

    pub(super) fn range(&self) -> Range<i64> {
        self.range.clone()
    }

    /// When the first record was received.
    pub(super) fn received(&self) -> Instant {
        self.received
    }

    /// Bytes of keys and values, plus an allowance for each record.
    pub(super) fn weight(&self) -> usize {
        self.bytes.len() + self.entries.len() * OVERHEAD
    }

    /// The records in order.
    pub(super) fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
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
mod tests {
    use super::*;
    use crate::client::record;

    #[test]
    fn appended_batches_keep_all_records_unchanged() {
        let mut first = Batch::new("in".into(), 1, 5);
        first.push(&record(5, Some(b"a"), Some(b"one")));
        let mut second = Batch::new("in".into(), 1, 6);
        second.push(&record(8, None, Some(b"")));
        second.push(&record(9, Some(b""), None));
        first.append(second);

        let records: Vec<_> = first
            .records()
            .map(|r| (r.offset, r.timestamp, r.key, r.value))
            .collect();
        assert_eq!(
            records,
            [
                (5, Some(50), Some(&b"a"[..]), Some(&b"one"[..])),
                (8, Some(80), None, Some(&b""[..])),
                (9, Some(90), Some(&b""[..]), None),
            ]
        );
        assert_eq!(first.range(), 5..10);
    }
}
