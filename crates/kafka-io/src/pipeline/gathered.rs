//! One round of reading: the records that have arrived, in a batch for each partition.

use std::collections::HashMap;
use std::sync::Arc;

use super::batch::Batch;
use super::worker::PartitionWorker;
use crate::client::Record;

/// The records of one round of reading, by partition.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) batches: Vec<Batch>,
    /// The batch of the last record. The next record usually has the same partition.
    last: usize,
    pub(super) records: usize,
    pub(super) weight: usize,
}

/// A record has a lower offset than one before it: its partition was truncated or recreated.
pub(super) struct OffsetReset;

impl Gathered {
    /// Adds a record to its partition's batch.
    ///
    /// # Errors
    /// The partition restarts at an earlier offset.
    pub(super) fn add(
        &mut self,
        record: &Record<'_>,
        topic: &Arc<str>,
        workers: &HashMap<i32, PartitionWorker>,
    ) -> Result<(), OffsetReset> {
        let is_of = |batch: &Batch| batch.partition() == record.partition;
        if !self.batches.get(self.last).is_some_and(is_of) {
            self.last = match self.batches.iter().position(is_of) {
                Some(at) => at,
                None => {
                    // Without a worker the partition is revoked; its new owner reads the record.
                    let Some(worker) = workers.get(&record.partition) else {
                        return Ok(());
                    };
                    let start = worker.next_start().unwrap_or(record.offset);
                    let batch = Batch::new(Arc::clone(topic), record.partition, start);
                    self.batches.push(batch);
                    self.batches.len() - 1
                }
            };
        }
        let batch = &mut self.batches[self.last];
        if record.offset < batch.range().end {
            return Err(OffsetReset);
        }
        let before = batch.weight();
        batch.push(record);
        self.weight += batch.weight() - before;
        self.records += 1;
        Ok(())
    }

    /// Discards the records of one partition.
    pub(super) fn discard(&mut self, partition: i32) {
        self.batches.retain(|batch| batch.partition() != partition);
    }
}
