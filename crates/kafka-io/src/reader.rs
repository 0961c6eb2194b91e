//! The stages at the two ends: reading records, and committing what is finished.
//!
//! One thread owns the consumer. It polls, passes records to the partitions' lanes, stores the
//! offsets of what the broker acknowledged, and answers rebalances; it never waits for a lane for
//! long, so that it stays in the group whatever happens behind it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::events::{self, Events, Rebalance};
use crate::health::{Health, PipelineError};
use crate::lane::{Lane, Stages};
use crate::metrics::RebalanceLabel;
use crate::receipt::Finished;
use crate::{Batch, Record, Step};

/// How long a poll waits for a first record; bounds how late an idle pipeline sees a shutdown.
const IDLE: Duration = Duration::from_millis(100);
/// How long reading waits for room before it pauses the partitions. Pausing throws away what the
/// client has fetched ahead, so it is for real trouble only.
const PATIENCE: Duration = Duration::from_millis(500);

pub(crate) struct Reader<S> {
    pub(crate) consumer: BaseConsumer<Events>,
    pub(crate) rebalances: Receiver<Rebalance>,
    pub(crate) finished: Receiver<Finished>,
    pub(crate) stages: Arc<Stages<S>>,
    pub(crate) runtime: Handle,
    pub(crate) topic: Arc<str>,
    pub(crate) budget: usize,
    pub(crate) drain_timeout: Duration,
    pub(crate) health: watch::Sender<Health>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) lanes: HashMap<i32, Lane>,
    pub(crate) epochs: u64,
    pub(crate) joined: bool,
    pub(crate) paused: bool,
}

impl<S: Step> Reader<S> {
    /// Runs until the shutdown token is cancelled, then finishes what is under way. Where it ends by
    /// itself, health tells why.
    pub(crate) fn run(mut self) -> Result<(), PipelineError> {
        let outcome = self.follow();
        if let Err(error) = &outcome {
            self.health
                .send_modify(|health| *health = Err(error.to_string()));
        }
        outcome
    }

    fn follow(&mut self) -> Result<(), PipelineError> {
        self.consumer.subscribe(&[&self.topic])?;
        while !self.shutdown.is_cancelled() {
            self.settle()?;
            while let Ok(rebalance) = self.rebalances.try_recv() {
                self.rebalance(rebalance)?;
            }
            self.wait_for_room()?;
            self.pause_or_resume()?;
            self.report_health();
            self.read()?;
        }
        self.close()
    }

    /// Takes what has arrived, up to a batch or a moment, and passes it to the lanes.
    fn read(&mut self) -> Result<(), PipelineError> {
        let limits = self.stages.limits;
        let mut gathered = Gathered::default();
        let (mut timeout, mut until) = (IDLE, None);
        while gathered.records < limits.records && gathered.weight < limits.bytes {
            match self.consumer.poll(timeout) {
                None => break,
                Some(Ok(message)) => {
                    let record = Record::of(&message);
                    if gathered.add(&record, &self.topic, &self.lanes).is_err() {
                        let partition = record.partition;
                        tracing::warn!(
                            topic = %self.topic, partition, offset = record.offset,
                            "the partition begins anew at an earlier offset: what was under way is abandoned"
                        );
                        gathered.forget(partition);
                        self.epochs += 1;
                        let stages = Arc::clone(&self.stages);
                        let lane = Lane::start(&self.runtime, stages, partition, self.epochs);
                        self.lanes.insert(partition, lane);
                        // A new lane takes any offset.
                        gathered.add(&record, &self.topic, &self.lanes).ok();
                    }
                }
                Some(Err(error)) => self.consumer_error(error)?,
            }
            // The first poll waits; what else has arrived is taken along without waiting.
            timeout = Duration::ZERO;
            let until = *until.get_or_insert_with(|| Instant::now() + limits.time);
            // A look at the clock costs as much as a record.
            if gathered.records % 64 == 63 && Instant::now() >= until {
                break;
            }
        }
        for batch in gathered.batches {
            if let Some(lane) = self.lanes.get_mut(&batch.partition()) {
                lane.accept(batch)?;
            }
        }
        Ok(())
    }

    fn consumer_error(&self, error: KafkaError) -> Result<(), PipelineError> {
        match error {
            KafkaError::MessageConsumptionFatal(_) => Err(error.into()),
            // The client goes on by itself; the events tell where no broker is left, and its own log
            // where retention has deleted records before they were read.
            error => {
                tracing::debug!(%error, "consumer");
                Ok(())
            }
        }
    }

    /// Stores the offsets of batches that are finished; the client commits them in the background.
    fn settle(&mut self) -> Result<(), PipelineError> {
        while let Ok(finished) = self.finished.try_recv() {
            self.settle_one(finished)?;
        }
        Ok(())
    }

    fn settle_one(&mut self, finished: Finished) -> Result<(), PipelineError> {
        let ticket = finished.ticket;
        let Some(lane) = self.lanes.get_mut(&ticket.partition) else {
            return Ok(());
        };
        if lane.epoch != ticket.epoch {
            return Ok(());
        }
        let counts = finished.outcome?;
        lane.weight -= ticket.weight;
        let stored = lane
            .tracker
            .as_mut()
            .and_then(|tracker| tracker.finish(ticket.range));
        self.stages.metrics.batch_finished(counts, finished.latency);
        if let Some(offset) = stored {
            let mut offsets = TopicPartitionList::with_capacity(1);
            offsets.add_partition_offset(&self.topic, ticket.partition, Offset::Offset(offset))?;
            if let Err(error) = self.consumer.store_offsets(&offsets) {
                // The partition was lost meanwhile: its new owner reads these records again.
                tracing::debug!(%error, partition = ticket.partition, "offset not stored");
            }
        }
        Ok(())
    }

    /// Waits for one batch to finish, at most `timeout`; false where none did.
    fn settle_within(&mut self, timeout: Duration) -> Result<bool, PipelineError> {
        match self.finished.recv_timeout(timeout) {
            Ok(finished) => self.settle_one(finished).map(|()| true),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(false),
        }
    }

    fn weight(&self) -> usize {
        self.lanes.values().map(|lane| lane.weight).sum()
    }

    fn is_full(&self) -> bool {
        self.weight() >= self.budget
    }

    /// While too much is under way: a moment of patience before anything is paused.
    fn wait_for_room(&mut self) -> Result<(), PipelineError> {
        let until = Instant::now() + PATIENCE;
        while self.is_full() && !self.paused && !self.stages.gate.is_closed() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.settle_within(left)? {
                break;
            }
        }
        Ok(())
    }

    /// Pauses while the step's gate is closed or too much is under way, and goes on when half of
    /// it is done.
    ///
    /// Only a batch that is under way finds out that the gate may open again, so a closed gate
    /// pauses nothing while there is none (the last one may have gone with its partition).
    fn pause_or_resume(&mut self) -> Result<(), PipelineError> {
        let probing = self.lanes.values().any(|lane| !lane.is_idle());
        let closed = probing && self.stages.gate.is_closed();
        let pause = closed || self.is_full() || (self.paused && self.weight() > self.budget / 2);
        if pause != self.paused {
            let partitions = self.consumer.assignment()?;
            if pause {
                self.consumer.pause(&partitions)?;
            } else {
                self.consumer.resume(&partitions)?;
            }
            self.paused = pause;
            self.stages.metrics.paused.set(i64::from(pause));
        }
        Ok(())
    }

    fn report_health(&self) {
        let health = if let Some(reason) = self.stages.gate.closed() {
            Err(reason)
        } else if self.consumer.context().is_disconnected() {
            Err("no broker of Kafka can be reached".to_owned())
        } else if !self.joined {
            Err(format!("waiting for partitions of `{}`", self.topic))
        } else {
            Ok(())
        };
        self.health.send_if_modified(|current| {
            let news = *current != health;
            *current = health;
            news
        });
    }

    fn rebalance(&mut self, rebalance: Rebalance) -> Result<(), PipelineError> {
        match rebalance {
            Rebalance::Assigned(partitions) => {
                for element in partitions.elements() {
                    self.epochs += 1;
                    let stages = Arc::clone(&self.stages);
                    let lane = Lane::start(&self.runtime, stages, element.partition(), self.epochs);
                    self.lanes.insert(element.partition(), lane);
                }
                self.consumer.incremental_assign(&partitions)?;
                // The client remembers of a partition that comes back whether it was paused.
                if self.paused {
                    self.consumer.pause(&partitions)?;
                } else {
                    self.consumer.resume(&partitions)?;
                }
                self.joined = true;
                self.count_rebalance("assigned", &partitions);
            }
            Rebalance::Revoked(partitions) if self.consumer.assignment_lost() => {
                // Nothing can be committed any more, so there is nothing to wait for.
                self.give_up(&partitions)?;
                self.joined = false;
                self.count_rebalance("lost", &partitions);
            }
            Rebalance::Revoked(partitions) => {
                self.drain(&partitions)?;
                self.give_up(&partitions)?;
                self.count_rebalance("revoked", &partitions);
            }
        }
        Ok(())
    }

    /// Finishes what is under way in these partitions, with a bound; what is not finished then is
    /// abandoned and read again by the partition's next owner.
    fn drain(&mut self, partitions: &TopicPartitionList) -> Result<(), PipelineError> {
        let until = Instant::now() + self.drain_timeout;
        let busy = |lanes: &HashMap<i32, Lane>| {
            let elements = partitions.elements();
            elements.iter().any(|element| {
                let lane = lanes.get(&element.partition());
                lane.is_some_and(|lane| !lane.is_idle())
            })
        };
        while busy(&self.lanes) && !self.stages.gate.is_closed() && Instant::now() < until {
            self.settle_within(Duration::from_millis(20))?;
        }
        if busy(&self.lanes) {
            tracing::info!("records under way are abandoned; they will be read again");
        }
        Ok(())
    }

    /// Ends the lanes; the client then commits what is stored for these partitions.
    fn give_up(&mut self, partitions: &TopicPartitionList) -> Result<(), PipelineError> {
        for element in partitions.elements() {
            self.lanes.remove(&element.partition());
        }
        Ok(self.consumer.incremental_unassign(partitions)?)
    }

    fn count_rebalance(&self, kind: &'static str, changed: &TopicPartitionList) {
        let metrics = &self.stages.metrics;
        metrics
            .rebalances
            .get_or_create(&RebalanceLabel { kind })
            .inc();
        metrics
            .partitions
            .set(i64::try_from(self.lanes.len()).unwrap_or(i64::MAX));
        let changed: Vec<i32> = changed.elements().iter().map(|e| e.partition()).collect();
        tracing::info!(kind, partitions = ?changed, now = self.lanes.len(), "rebalance");
    }

    /// Finishes what is under way, and commits.
    fn close(&mut self) -> Result<(), PipelineError> {
        let assigned = self.consumer.assignment()?;
        self.drain(&assigned)?;
        match self.consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                tracing::warn!(%error, "the last offsets could not be committed; records will be read again");
            }
        }
        Ok(())
    }
}

impl<S> Drop for Reader<S> {
    /// However the loop has ended: the consumer, dropped after this, leaves the group, for which it
    /// waits until each rebalance is answered.
    fn drop(&mut self) {
        self.lanes.clear();
        self.consumer.context().close();
        while let Ok(rebalance) = self.rebalances.try_recv() {
            match rebalance {
                Rebalance::Assigned(_) => events::take_none(&self.consumer),
                Rebalance::Revoked(partitions) => events::give_up(&self.consumer, &partitions),
            }
        }
    }
}

/// What one round of reading has gathered, by partition.
#[derive(Default)]
struct Gathered {
    batches: Vec<Batch>,
    /// The batch of the last record: the next one is of the same partition more often than not.
    last: usize,
    records: usize,
    weight: usize,
}

/// A record lies before one that was read already: its partition was truncated or made anew.
struct WentBack;

impl Gathered {
    fn add(
        &mut self,
        record: &Record<'_>,
        topic: &Arc<str>,
        lanes: &HashMap<i32, Lane>,
    ) -> Result<(), WentBack> {
        let is_of = |batch: &Batch| batch.partition() == record.partition;
        if !self.batches.get(self.last).is_some_and(is_of) {
            self.last = match self.batches.iter().position(is_of) {
                Some(at) => at,
                None => {
                    // Without a lane the partition is not ours any more; its new owner reads it.
                    let Some(lane) = lanes.get(&record.partition) else {
                        return Ok(());
                    };
                    let start = lane.next_start().unwrap_or(record.offset);
                    let batch = Batch::new(Arc::clone(topic), record.partition, start);
                    self.batches.push(batch);
                    self.batches.len() - 1
                }
            };
        }
        let batch = &mut self.batches[self.last];
        if record.offset < batch.range().end {
            return Err(WentBack);
        }
        let before = batch.weight();
        batch.push(record);
        self.weight += batch.weight() - before;
        self.records += 1;
        Ok(())
    }

    /// Forgets the records of one partition.
    fn forget(&mut self, partition: i32) {
        self.batches.retain(|batch| batch.partition() != partition);
    }
}
