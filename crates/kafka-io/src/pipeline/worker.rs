//! The task of one partition: batches records, decides them and writes in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesOrdered;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::AbortOnDropHandle;

use super::batch::Batch;
use super::circuit_breaker::CircuitBreaker;
use super::metrics::PipelineMetrics;
use super::offsets::OffsetTracker;
use super::receipt::{Failure, Finished, Receipt, Ticket};
use super::writer::Writer;
use super::{Decision, Step, attempt};

/// How records are gathered into batches.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Maximum number of records.
    pub records: usize,
    /// Maximum number of bytes of keys and values, plus an allowance for each record. A single record may be
    /// larger.
    pub bytes: usize,
    /// Maximum time to gather a batch while records keep arriving.
    pub time: Duration,
    /// Maximum number of batches of one partition in the step at the same time.
    pub in_flight: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            records: 2_000,
            bytes: 4 << 20,
            time: Duration::from_millis(5),
            in_flight: 2,
        }
    }
}

/// What all workers share.
pub(super) struct Stages<S> {
    pub(super) step: S,
    pub(super) breaker: CircuitBreaker,
    pub(super) writer: Writer,
    pub(super) limits: BatchLimits,
    pub(super) finished: Sender<Finished>,
    pub(super) metrics: PipelineMetrics,
}

/// The reader's handle of a worker. Dropping it abandons everything that was not passed to the producer.
pub(super) struct PartitionWorker {
    pub(super) epoch: u64,
    /// `None` until the first record: it determines the first offset.
    pub(super) tracker: Option<OffsetTracker>,
    pub(super) weight: usize,
    input: UnboundedSender<Batch>,
    _task: AbortOnDropHandle<()>,
}

impl PartitionWorker {
    pub(super) fn start<S: Step>(
        runtime: &Handle,
        stages: Arc<Stages<S>>,
        partition: i32,
        epoch: u64,
    ) -> Self {
        let (input, batches) = unbounded_channel();
        let task = runtime.spawn(work(stages, batches, partition, epoch));
        Self {
            epoch,
            tracker: None,
            weight: 0,
            input,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Passes a batch to the task and starts it in the tracker.
    ///
    /// # Errors
    /// If the task has panicked.
    pub(super) fn accept(&mut self, batch: Batch) -> Result<(), Failure> {
        let range = batch.range();
        self.tracker
            .get_or_insert_with(|| OffsetTracker::new(range.start))
            .start(range.end);
        self.weight += batch.weight();
        self.input
            .send(batch)
            .map_err(|_| Failure::Step("a partition's task ended unexpectedly".to_owned()))
    }

    /// Where the next batch starts, if a record was read before.
    pub(super) fn next_start(&self) -> Option<i64> {
        self.tracker.as_ref().map(OffsetTracker::next_start)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.tracker.as_ref().is_none_or(OffsetTracker::is_idle)
    }
}

/// A batch with its decisions.
type Decided = Result<(Batch, Vec<Decision>), Failure>;

/// Decides several batches at the same time and writes them in order.
async fn work<S: Step>(
    stages: Arc<Stages<S>>,
    mut input: UnboundedReceiver<Batch>,
    partition: i32,
    epoch: u64,
) {
    let mut waiting = VecDeque::new();
    let mut deciding = FuturesOrdered::new();
    loop {
        while let Ok(batch) = input.try_recv() {
            waiting.push_back(batch);
        }
        while deciding.len() < stages.limits.in_flight
            && let Some(batch) = next_batch(&mut waiting, &stages.limits)
        {
            let task = tokio::spawn(decide(Arc::clone(&stages), batch));
            deciding.push_back(AbortOnDropHandle::new(task));
        }
        tokio::select! {
            biased;
            Some(decided) = deciding.next() => {
                let decided = decided.unwrap_or_else(|ended| Err(Failure::Step(ended.to_string())));
                write(&stages, partition, epoch, decided).await;
            }
            Some(batch) = input.recv(), if deciding.len() < stages.limits.in_flight => {
                waiting.push_back(batch);
            }
            else => return,
        }
    }
}

/// Merges the waiting batches up to the limits.
fn next_batch(waiting: &mut VecDeque<Batch>, limits: &BatchLimits) -> Option<Batch> {
    let mut batch = waiting.pop_front()?;
    while let Some(next) = waiting.front()
        && batch.len() + next.len() <= limits.records
        && batch.weight() + next.weight() <= limits.bytes
        && let Some(next) = waiting.pop_front()
    {
        batch.append(next);
    }
    Some(batch)
}

async fn decide<S: Step>(stages: Arc<Stages<S>>, batch: Batch) -> Decided {
    let _in_flight = stages.metrics.batch_started(batch.len());
    match attempt::decide(&stages.step, &stages.breaker, &batch).await {
        Ok(decisions) => Ok((batch, decisions)),
        Err(mismatch) => Err(Failure::Step(mismatch.to_string())),
    }
}

async fn write<S: Step>(stages: &Stages<S>, partition: i32, epoch: u64, decided: Decided) {
    let ticket = |range, weight, received| Ticket {
        partition,
        epoch,
        range,
        weight,
        received,
    };
    let finished = stages.finished.clone();
    match decided {
        Ok((batch, decisions)) => {
            let ticket = ticket(batch.range(), batch.weight(), batch.received());
            let receipt = Receipt::new(ticket, finished);
            stages.writer.write(&batch, &decisions, receipt).await;
        }
        Err(failure) => {
            Receipt::new(ticket(0..0, 0, Instant::now()), finished).failed(failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::record;

    fn batch(offsets: std::ops::Range<i64>) -> Batch {
        let mut batch = Batch::new("in".into(), 1, offsets.start);
        for offset in offsets {
            batch.push(&record(offset, None, Some(b"x")));
        }
        batch
    }

    #[test]
    fn waiting_batches_are_merged_up_to_the_limit() {
        let limits = BatchLimits {
            records: 5,
            ..BatchLimits::default()
        };
        let mut waiting = VecDeque::from([batch(0..2), batch(2..5), batch(5..6), batch(6..13)]);
        let mut next = || next_batch(&mut waiting, &limits).map(|batch| batch.range());
        assert_eq!(next(), Some(0..5));
        assert_eq!(next(), Some(5..6));
        assert_eq!(next(), Some(6..13), "a batch is never split");
        assert_eq!(next(), None);
    }
}
