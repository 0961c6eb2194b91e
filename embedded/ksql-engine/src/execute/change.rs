//! The results of a query for a record.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::execute::record::Header;
use crate::plan::KeyPart;
use crate::value::Value;

/// The columns of a key, usually one.
pub type Key = SmallVec<[Value; 1]>;

/// A change of the result of a query.
#[derive(Clone, Debug)]
pub struct Change {
    /// The key's columns; `None` for a null key.
    pub key: Option<Key>,
    /// The start of the window in the key.
    pub window_start: Option<i64>,
    /// The columns of the projection; `None` for a row without a value, which is a deletion in a
    /// table.
    pub columns: Option<Vec<Value>>,
    /// Event time in milliseconds since 1970.
    pub timestamp: i64,
    /// The headers of the input record.
    pub headers: Arc<[Header]>,
}

impl Change {
    /// A part of the key; NULL if the key is null.
    pub fn key_part(&self, part: KeyPart) -> Value {
        let time = |time: Option<i64>| time.map_or(Value::Null, Value::BigInt);
        match part {
            KeyPart::Column(index) => {
                let value = self.key.as_ref().and_then(|key| key.get(index));
                value.cloned().unwrap_or(Value::Null)
            }
            KeyPart::WindowStart => time(self.window_start),
            KeyPart::WindowEnd(size) => {
                time(self.window_start.map(|start| start.saturating_add(size)))
            }
        }
    }
}

/// The step of a query that failed on a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading the record: it is skipped.
    Read,
    /// `WHERE`: the row is dropped.
    Filter,
    /// The join key.
    JoinKey,
    /// The `GROUP BY` expression with this index: the row is dropped.
    GroupBy(usize),
    /// The argument of the aggregate with this index: it is null, or partly null.
    Argument(usize),
    /// `HAVING`: the row is dropped.
    Having,
    /// A column of the result: it is null, or partly null.
    Column {
        /// Its name.
        name: String,
        /// Its index in the `SELECT`.
        index: usize,
    },
}

/// A problem with a record. The query continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The record's topic.
    pub topic: Arc<str>,
    /// The record's partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: i64,
    /// The failed step.
    pub step: Step,
    /// The reason.
    pub reason: String,
}

/// The results for one record.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Changes of the result, in order.
    pub changes: Vec<Change>,
    /// Problems.
    pub problems: Vec<Problem>,
}

/// The query cannot continue: it would fail on the same record again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the query failed at {topic}, partition {partition}, offset {offset}: {reason}")]
pub struct QueryFailed {
    /// The record's topic.
    pub topic: Arc<str>,
    /// The record's partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: i64,
    /// The reason.
    pub reason: &'static str,
}
