//! A running query: consume, merge, execute, produce.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::select_all;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::execute::{Change, Outcome, Record, SinkWriter, Step, Task};
use crate::kafka::consume::{Event, Reader};
use crate::kafka::error::RuntimeError;
use crate::kafka::merge::{MaxTaskIdle, Merger};
use crate::kafka::metrics::QueryMetrics;
use crate::kafka::problem_log::ProblemLog;
use crate::kafka::processing_log;
use crate::kafka::produce::Deliveries;

/// A lane with this many queued records or bytes is paused until half of them are processed.
const LANE_RECORDS: usize = 1_000;
const LANE_BYTES: usize = 4 << 20;
/// The number of queued events that are processed before the query checks for other work.
const BATCH: usize = 1_000;

/// Where the changes of a query go.
pub(crate) enum Target {
    /// To a topic with this many partitions.
    Topic(SinkWriter, u32),
    /// To a client.
    Listener(mpsc::Sender<Change>),
}

/// Reads the state of a running query.
pub(crate) type StateRead = Box<dyn FnOnce(&Task) + Send>;

/// A running query.
pub(crate) struct QueryLoop {
    pub(crate) id: String,
    /// One reader for each input.
    pub(crate) readers: Vec<Reader>,
    pub(crate) task: Task,
    pub(crate) target: Target,
    /// [`Options::max_task_idle`](crate::kafka::Options::max_task_idle)
    pub(crate) max_task_idle: MaxTaskIdle,
    /// [`Options::disorder`](crate::kafka::Options::disorder)
    pub(crate) disorder: Option<Duration>,
    pub(crate) deliveries: Deliveries,
    pub(crate) processing_log: Arc<str>,
    pub(crate) metrics: QueryMetrics,
    pub(crate) problems: ProblemLog,
    /// Executed between two records.
    pub(crate) state_reads: mpsc::Receiver<StateRead>,
}

impl QueryLoop {
    /// Runs until `stop`, until its client disconnects, or until it fails.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), RuntimeError> {
        let inputs = self.readers.len();
        let partitions = self
            .readers
            .iter()
            .map(Reader::partitions)
            .max()
            .unwrap_or(1);
        let lanes = partitions as usize * inputs;
        let group = self.disorder.map_or(lanes, |_| inputs);
        let mut merger = Merger::new(lanes, group, self.max_task_idle.clone());
        let mut paused = vec![false; lanes];
        let mut outcome = Outcome::default();
        let mut starts = self.disorder.map(|pause| {
            merger.hold();
            let pause = pause.max(Duration::from_millis(1));
            interval_at(Instant::now() + pause, pause)
        });
        loop {
            let next_at = merger.next_at();
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                delivered = self.deliveries.delivered() => {
                    delivered?;
                    continue;
                }
                Some(read_state) = self.state_reads.recv() => {
                    // A panic in the callback must not end the query.
                    if catch_unwind(AssertUnwindSafe(|| read_state(&self.task))).is_err() {
                        tracing::error!(query = self.id, "reading the state of the query panicked");
                    }
                    continue;
                }
                () = tick(&mut starts) => {
                    merger.start_group();
                    None
                }
                event = next(&self.readers) => Some(event?),
                () = at(next_at) => None,
            };
            let handled = async {
                match event {
                    Some((input, event)) => {
                        self.handle(input, event, &mut merger, &mut paused, &mut outcome)
                            .await
                    }
                    None => self.drain(&mut merger, &mut paused, &mut outcome).await,
                }
            };
            // A slow client or an unreachable broker must not delay the shutdown.
            let Some(handled) = stop.run_until_cancelled(handled).await else {
                break;
            };
            handled?;
            // Process queued events without yielding.
            for _ in 0..BATCH {
                let Some(event) = next(&self.readers).now_or_never() else {
                    break;
                };
                let (input, event) = event?;
                let handled = self.handle(input, event, &mut merger, &mut paused, &mut outcome);
                match stop.run_until_cancelled(handled).await {
                    Some(handled) => handled?,
                    // The outer loop handles the cancellation.
                    None => break,
                }
            }
            if let Target::Listener(listener) = &self.target
                && listener.is_closed()
            {
                break;
            }
        }
        self.deliveries.flush().await
    }

    async fn handle(
        &mut self,
        input: usize,
        event: Event,
        merger: &mut Merger<Record>,
        paused: &mut [bool],
        outcome: &mut Outcome,
    ) -> Result<(), RuntimeError> {
        let inputs = self.readers.len();
        // At equal timestamps, the left input of a partition comes before the right one.
        let lane_of = |partition: u32| partition as usize * inputs + input;
        let changed = match event {
            Event::AtEnd(partition) => {
                merger.at_end(lane_of(partition));
                lane_of(partition)
            }
            Event::Record(record) => {
                let lane = lane_of(record.partition);
                let size = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
                let bytes = size(&record.key) + size(&record.value);
                merger.push(lane, record.timestamp, bytes, record);
                lane
            }
        };
        self.drain(merger, paused, outcome).await?;
        self.throttle(changed, merger, paused)
    }

    /// Processes the records that are next in order.
    async fn drain(
        &mut self,
        merger: &mut Merger<Record>,
        paused: &mut [bool],
        outcome: &mut Outcome,
    ) -> Result<(), RuntimeError> {
        let inputs = self.readers.len();
        while let Some((lane, record)) = merger.pop() {
            self.metrics.read.inc();
            self.task.process(lane % inputs, &record, outcome)?;
            self.emit(outcome).await?;
            self.throttle(lane, merger, paused)?;
        }
        Ok(())
    }

    /// Pauses a lane that is too far ahead of the others, and resumes it.
    fn throttle(
        &self,
        lane: usize,
        merger: &Merger<Record>,
        paused: &mut [bool],
    ) -> Result<(), RuntimeError> {
        let (records, bytes) = merger.queued(lane);
        let inputs = self.readers.len();
        let (Some(is_paused), Some(reader)) =
            (paused.get_mut(lane), self.readers.get(lane % inputs))
        else {
            return Ok(());
        };
        let partition = u32::try_from(lane / inputs).unwrap_or(u32::MAX);
        if !*is_paused && (records >= LANE_RECORDS || bytes >= LANE_BYTES) {
            *is_paused = true;
            reader.pause(partition, true)?;
        } else if *is_paused && records <= LANE_RECORDS / 2 && bytes <= LANE_BYTES / 2 {
            *is_paused = false;
            reader.pause(partition, false)?;
        }
        Ok(())
    }

    async fn emit(&mut self, outcome: &mut Outcome) -> Result<(), RuntimeError> {
        for problem in outcome.problems.drain(..) {
            self.problems.note(&problem);
            match problem.step {
                Step::Read => self.metrics.skipped.inc(),
                _ => self.metrics.failed.inc(),
            };
            let log = &self.processing_log;
            let entry = processing_log::entry(log, &self.id, self.task.plan(), &problem);
            self.deliveries.send(&entry, 1).await?;
        }
        for change in outcome.changes.drain(..) {
            self.metrics.written.inc();
            match &self.target {
                Target::Topic(writer, partitions) => {
                    let record = writer.write(change);
                    self.deliveries.send(&record, *partitions).await?;
                }
                // If the client has disconnected, the loop ends after this batch.
                Target::Listener(listener) => drop(listener.send(change).await),
            }
        }
        Ok(())
    }
}

/// Waits for the next tick; for ever without an interval.
async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

/// Waits until a time; for ever without one.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The next event of any reader, with the index of its input.
async fn next(readers: &[Reader]) -> Result<(usize, Event), RuntimeError> {
    match readers {
        [only] => only.next().await.map(|event| (0, event)),
        readers => {
            let waiting = readers.iter().map(|reader| Box::pin(reader.next()));
            let (event, input, _) = select_all(waiting).await;
            event.map(|event| (input, event))
        }
    }
}
