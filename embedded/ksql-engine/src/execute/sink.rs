//! From changes to records.

use std::sync::Arc;

use crate::catalog::Source;
use crate::execute::change::Change;
use crate::execute::record::OutputRecord;
use crate::formats::Writer;
use crate::plan::QueryPlan;

/// Turns the changes of a query into records of its sink.
#[derive(Debug)]
pub struct SinkWriter {
    topic: Arc<str>,
    key: Writer,
    value: Writer,
    /// For each column of the projection, whether it is in the value.
    values: Vec<bool>,
}

impl SinkWriter {
    /// A writer of the results of `plan` to `sink`.
    pub fn new(plan: &QueryPlan, sink: &Source) -> Self {
        Self {
            topic: Arc::from(sink.topic.as_str()),
            key: Writer::key(sink.key_format, &sink.schema.key),
            value: Writer::value(sink.value_format, &sink.schema.value),
            values: plan
                .columns
                .iter()
                .map(|column| column.key.is_none())
                .collect(),
        }
    }

    /// The topic of the records.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The record for a change.
    pub fn write(&self, change: Change) -> OutputRecord {
        let mut key = change.key.and_then(|key| self.key.write(&key));
        let mut window_bytes = 0;
        if let (Some(key), Some(start)) = (&mut key, change.window_start) {
            let start = start.to_be_bytes();
            window_bytes = start.len();
            key.extend_from_slice(&start);
        }
        let value = change.columns.and_then(|columns| {
            let kept = columns.iter().zip(&self.values).filter(|(_, keep)| **keep);
            self.value.write(kept.map(|(value, _)| value))
        });
        OutputRecord {
            topic: Arc::clone(&self.topic),
            key,
            window_bytes,
            value,
            timestamp: change.timestamp,
            headers: change.headers,
        }
    }
}
