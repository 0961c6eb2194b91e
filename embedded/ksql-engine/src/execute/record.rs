//! Records of topics.

use std::sync::Arc;

/// One header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub key: String,
    /// Its bytes; `None` for null.
    pub value: Option<Vec<u8>>,
}

/// A record of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition, from 0.
    pub partition: u32,
    /// The offset in the partition.
    pub offset: i64,
    /// The key's bytes; `None` for a null key.
    pub key: Option<Vec<u8>>,
    /// The value's bytes; `None` for a null value.
    pub value: Option<Vec<u8>>,
    /// Event time in milliseconds since 1970.
    pub timestamp: i64,
    /// The headers, in order.
    pub headers: Arc<[Header]>,
}

/// A record to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The key's bytes; `None` for a null key.
    pub key: Option<Vec<u8>>,
    /// The number of bytes at the end of the key that contain the window.
    pub window_bytes: usize,
    /// The value's bytes; `None` for a null value, which is a deletion in a table.
    pub value: Option<Vec<u8>>,
    /// Event time in milliseconds since 1970.
    pub timestamp: i64,
    /// The headers, in order.
    pub headers: Arc<[Header]>,
}

impl OutputRecord {
    /// The bytes that determine the partition: the key without its window. `None` for any partition.
    pub fn partition_key(&self) -> Option<&[u8]> {
        let key = self.key.as_deref()?;
        key.get(..key.len().checked_sub(self.window_bytes)?)
    }
}
