//! What a query gives for a record.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::execute::record::Header;
use crate::value::Value;

/// A key's columns; most often one.
pub type Key = SmallVec<[Value; 1]>;

/// A change of a query's result.
#[derive(Clone, Debug)]
pub struct Change {
    /// The key's columns; none for a null key.
    pub key: Option<Key>,
    /// Start of the window in the key.
    pub window_start: Option<i64>,
    /// The projection's columns in their order; none for a row without a value, which in a table is
    /// a deletion.
    pub columns: Option<Vec<Value>>,
    /// Event time in milliseconds since 1970.
    pub timestamp: i64,
    /// The headers of the record with which it came.
    pub headers: Arc<[Header]>,
}

/// A record that a query left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The record's topic.
    pub topic: Arc<str>,
    /// The record's partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: i64,
    /// What is wrong with it.
    pub reason: String,
}

/// What one record gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Changes of the result, in their order.
    pub changes: Vec<Change>,
    /// What was left out.
    pub problems: Vec<Problem>,
}

/// The query cannot go on: a server would meet the same record again and again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the query stops at {topic}, partition {partition}, offset {offset}: {reason}")]
pub struct QueryFailed {
    /// The record's topic.
    pub topic: Arc<str>,
    /// The record's partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: i64,
    /// What is wrong.
    pub reason: &'static str,
}
