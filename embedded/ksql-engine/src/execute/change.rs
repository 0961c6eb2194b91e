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

/// What a query was doing when something went wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading the record: it is left out.
    Read,
    /// `WHERE`: the row is left out.
    Filter,
    /// The key by which the row is joined.
    JoinKey,
    /// The expression of this number in `GROUP BY`, counted from 0: the row is left out.
    GroupBy(usize),
    /// The argument of the aggregate of this number: it is null.
    Argument(usize),
    /// `HAVING`: the row does not pass.
    Having,
    /// A column of the result: it is null.
    Column {
        /// Its name.
        name: String,
        /// Its place in the `SELECT`, counted from 0.
        index: usize,
    },
}

/// What went wrong with a record. The query goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The record's topic.
    pub topic: Arc<str>,
    /// The record's partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: i64,
    /// Where it went wrong.
    pub step: Step,
    /// What is wrong.
    pub reason: String,
}

/// What one record gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Changes of the result, in their order.
    pub changes: Vec<Change>,
    /// What went wrong.
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
