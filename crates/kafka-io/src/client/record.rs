//! A record as it was read from its topic.

use std::fmt;

use rdkafka::Message;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, OwnedHeaders};

/// A view of one record.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Its Kafka timestamp, if it has one: milliseconds since 1970-01-01T00:00Z.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    pub(crate) headers: Option<&'a BorrowedHeaders>,
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

impl<'a> Record<'a> {
    /// A view of a consumer's message.
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

    /// A copy of the record's headers. It copies all headers at once, because access to a single header
    /// panics if its name is not UTF-8.
    pub fn headers(&self) -> OwnedHeaders {
        self.headers.map_or_else(
            || OwnedHeaders::new_with_capacity(4),
            BorrowedHeaders::detach,
        )
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Record;

    /// A record without headers.
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
}
