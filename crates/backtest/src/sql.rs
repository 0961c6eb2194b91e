//! The SQL engine that a backtest runs, in memory. This crate does not depend on one: the program chooses it.

use std::sync::Arc;

/// A record that a pipeline writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The value; `None` for a deletion.
    pub value: Option<Vec<u8>>,
}

/// What an engine did with a record.
#[derive(Debug, Default)]
pub struct SqlOutput {
    /// The records that it and those that follow from it lead to, in order.
    pub records: Vec<SqlRecord>,
    /// How many records could not be read, or expressions not evaluated.
    pub problems: usize,
}

/// A running script.
pub trait Sql {
    /// Processes a record completely. Records arrive in the order of event time.
    ///
    /// # Errors
    /// A query failed; the text says why.
    fn process(
        &mut self,
        topic: &str,
        key: &str,
        value: Vec<u8>,
        timestamp_ms: i64,
    ) -> Result<SqlOutput, String>;
}

/// Starts a script on empty topics of one partition.
///
/// # Errors
/// The engine refuses a statement; the text says which, and why.
pub type StartSql<'a> = dyn Fn(&str) -> Result<Box<dyn Sql>, String> + 'a;
