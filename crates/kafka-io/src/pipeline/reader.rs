//! The consumer's thread: reads records, stores offsets of finished batches, answers rebalances.
//!
//! It never waits long for a worker, so the consumer stays in its group even if workers are slow.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::events::{self, ConsumerEvents, Rebalance};
use super::gathered::Gathered;
use super::metrics::RebalanceLabel;
use super::receipt::Finished;
use super::worker::{PartitionWorker, Stages};
use super::{Health, PipelineError, Step};
use crate::client::Record;

/// How long a poll waits for a first record. An idle pipeline notices a stop within this time.
const IDLE: Duration = Duration::from_millis(100);
/// How long reading waits for room before it pauses the partitions. Pausing discards the records that
/// the client has fetched ahead.
const WAIT_BEFORE_PAUSE: Duration = Duration::from_millis(500);
/// The pause before another attempt to commit during a rebalance.
const COMMIT_AGAIN: Duration = Duration::from_millis(50);

pub(super) struct Reader<S> {
    pub(super) consumer: BaseConsumer<ConsumerEvents>,
    pub(super) rebalances: Receiver<Rebalance>,
    pub(super) finished: Receiver<Finished>,
    pub(super) stages: Arc<Stages<S>>,
    pub(super) runtime: Handle,
    pub(super) topic: Arc<str>,
    pub(super) group_id: String,
    pub(super) budget: usize,
    pub(super) drain_timeout: Duration,
    pub(super) health: watch::Sender<Health>,
    pub(super) shutdown: CancellationToken,
    pub(super) workers: HashMap<i32, PartitionWorker>,
    pub(super) epochs: u64,
    pub(super) joined: bool,
    pub(super) paused: bool,
}

impl<S: Step> Reader<S> {
    /// Waits for `topics`, then runs until `shutdown` is cancelled, finishes the batches in progress and
    /// commits. If it fails, health has the reason.
    pub(super) fn run(&mut self, topics: &[String]) -> Result<(), PipelineError> {
        self.wait_for_topics(topics);
        let outcome = self.process();
        if let Err(error) = &outcome {
            self.health
                .send_modify(|health| *health = Err(error.to_string()));
        }
        outcome
    }

    /// Waits until all `topics` exist or `shutdown` is cancelled. Health has the first missing one.
    fn wait_for_topics(&self, topics: &[String]) {
        for topic in topics {
            while !self.shutdown.is_cancelled() {
                let metadata = self
                    .consumer
                    .fetch_metadata(Some(topic), Duration::from_secs(1));
                let events = self.consumer.context();
                let exists = |metadata: Metadata| {
                    let found = metadata.topics().iter();
                    let mut errors = found.clone().filter_map(|found| found.error());
                    let refusal = errors.find_map(|code| {
                        events.refused(code.into(), "Describe", &format!("topic `{topic}`"))
                    });
                    events.set_refused_request(refusal);
                    found.clone().any(|found| !found.partitions().is_empty())
                };
                let found = metadata.map(exists);
                let missing = match (found, events.refusal()) {
                    (Ok(true), _) => break,
                    // Logged when it was noticed.
                    (_, Some(refusal)) => {
                        self.set_health(Err(refusal));
                        self.consumer.poll(Duration::from_millis(250));
                        continue;
                    }
                    (Ok(false), None) => {
                        format!("topic `{topic}` does not exist: waiting until it is created")
                    }
                    (Err(error), None) => format!("Kafka does not answer: {error}; retrying"),
                };
                if self.set_health(Err(missing.clone())) {
                    tracing::warn!("{missing}");
                }
                // Serves the client's callbacks. No record arrives without a subscription.
                self.consumer.poll(Duration::from_millis(250));
            }
        }
    }

    fn process(&mut self) -> Result<(), PipelineError> {
        if self.shutdown.is_cancelled() {
            return Ok(());
        }
        self.consumer.subscribe(&[&self.topic])?;
        while !self.shutdown.is_cancelled() {
            self.handle_all_finished()?;
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

    /// Reads the records that have arrived, up to the limits of a batch, and passes them to the workers.
    fn read(&mut self) -> Result<(), PipelineError> {
        let limits = self.stages.limits;
        let mut gathered = Gathered::default();
        let (mut timeout, mut until) = (IDLE, None);
        while gathered.records < limits.records && gathered.weight < limits.bytes {
            match self.consumer.poll(timeout) {
                None => break,
                Some(Ok(message)) => {
                    let record = Record::of(&message);
                    if gathered.add(&record, &self.topic, &self.workers).is_err() {
                        let partition = record.partition;
                        tracing::warn!(
                            topic = %self.topic, partition, offset = record.offset,
                            "the partition restarts at an earlier offset: batches in progress are abandoned"
                        );
                        gathered.discard(partition);
                        // Not `start_worker`: the record still borrows the consumer.
                        self.epochs += 1;
                        let stages = Arc::clone(&self.stages);
                        let worker =
                            PartitionWorker::start(&self.runtime, stages, partition, self.epochs);
                        self.workers.insert(partition, worker);
                        // A new worker accepts any offset.
                        gathered.add(&record, &self.topic, &self.workers).ok();
                    }
                }
                Some(Err(error)) => self.consumer_error(error)?,
            }
            // Only the first poll waits.
            timeout = Duration::ZERO;
            let until = *until.get_or_insert_with(|| Instant::now() + limits.time);
            // Reading the clock costs as much as a record.
            if gathered.records % 64 == 63 && Instant::now() >= until {
                break;
            }
        }
        if gathered.records > 0 {
            self.consumer.context().set_refused_request(None);
        }
        for batch in gathered.batches {
            if let Some(worker) = self.workers.get_mut(&batch.partition()) {
                worker.accept(batch)?;
            }
        }
        Ok(())
    }

    fn consumer_error(&self, error: KafkaError) -> Result<(), PipelineError> {
        match error {
            KafkaError::MessageConsumptionFatal(_) => Err(error.into()),
            // The client recovers by itself. `events` reports lost brokers, the client's log reports
            // records that retention has deleted before they were read.
            error => {
                tracing::debug!(%error, "consumer");
                let events = self.consumer.context();
                let resource = match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {
                        format!("group `{}`", self.group_id)
                    }
                    _ => format!("topic `{}`", self.topic),
                };
                let code = error.rdkafka_error_code();
                let refusal = code.and_then(|code| events.refused(code, "Read", &resource));
                if refusal.is_some() {
                    events.set_refused_request(refusal);
                }
                Ok(())
            }
        }
    }

    /// Stores the offsets of finished batches. The client commits them in the background.
    fn handle_all_finished(&mut self) -> Result<(), PipelineError> {
        while let Ok(finished) = self.finished.try_recv() {
            self.handle_finished(finished)?;
        }
        Ok(())
    }

    fn handle_finished(&mut self, finished: Finished) -> Result<(), PipelineError> {
        let ticket = finished.ticket;
        let Some(worker) = self.workers.get_mut(&ticket.partition) else {
            return Ok(());
        };
        if worker.epoch != ticket.epoch {
            return Ok(());
        }
        let events = self.consumer.context();
        let counts = finished
            .outcome
            .map_err(|failure| events.explained(failure))?;
        worker.weight -= ticket.weight;
        let stored = worker
            .tracker
            .as_mut()
            .and_then(|tracker| tracker.finish(ticket.range));
        self.stages.metrics.batch_finished(counts, finished.latency);
        if let Some(offset) = stored {
            let mut offsets = TopicPartitionList::with_capacity(1);
            offsets.add_partition_offset(&self.topic, ticket.partition, Offset::Offset(offset))?;
            if let Err(error) = self.consumer.store_offsets(&offsets) {
                // The partition was lost: its new owner reads these records again.
                tracing::debug!(%error, partition = ticket.partition, "offset not stored");
            }
        }
        Ok(())
    }

    /// Waits at most `timeout` for one batch to finish; false if none did.
    fn wait_for_finished(&mut self, timeout: Duration) -> Result<bool, PipelineError> {
        match self.finished.recv_timeout(timeout) {
            Ok(finished) => self.handle_finished(finished).map(|()| true),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(false),
        }
    }

    fn weight(&self) -> usize {
        self.workers.values().map(|worker| worker.weight).sum()
    }

    fn is_full(&self) -> bool {
        self.weight() >= self.budget
    }

    /// Waits a moment for room before the partitions are paused.
    fn wait_for_room(&mut self) -> Result<(), PipelineError> {
        let until = Instant::now() + WAIT_BEFORE_PAUSE;
        while self.is_full() && !self.paused && !self.stages.breaker.is_open() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.wait_for_finished(left)? {
                break;
            }
        }
        Ok(())
    }

    /// Pauses while the circuit breaker is open or the budget is used up; continues when half of the
    /// budget is free.
    ///
    /// Only a batch in progress can close the breaker. So an open breaker does not pause reading while
    /// there is none: the last one may have been abandoned with its partition.
    fn pause_or_resume(&mut self) -> Result<(), PipelineError> {
        let probing = self.workers.values().any(|worker| !worker.is_idle());
        let unavailable = probing && self.stages.breaker.is_open();
        let pause =
            unavailable || self.is_full() || (self.paused && self.weight() > self.budget / 2);
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
        let health = if let Some(reason) = self.stages.breaker.reason() {
            Err(reason)
        } else if let Some(refusal) = self.consumer.context().refusal() {
            Err(refusal)
        } else if self.consumer.context().is_disconnected() {
            Err("no Kafka broker is reachable".to_owned())
        } else if !self.joined {
            Err(format!("waiting for partitions of `{}`", self.topic))
        } else {
            Ok(())
        };
        self.set_health(health);
    }

    /// Returns whether it changed.
    fn set_health(&self, health: Health) -> bool {
        self.health.send_if_modified(|current| {
            let changed = *current != health;
            *current = health;
            changed
        })
    }

    fn start_worker(&mut self, partition: i32) {
        self.epochs += 1;
        let stages = Arc::clone(&self.stages);
        let worker = PartitionWorker::start(&self.runtime, stages, partition, self.epochs);
        self.workers.insert(partition, worker);
    }

    fn rebalance(&mut self, rebalance: Rebalance) -> Result<(), PipelineError> {
        match rebalance {
            Rebalance::Assigned(partitions) => {
                for element in partitions.elements() {
                    self.start_worker(element.partition());
                }
                self.consumer.incremental_assign(&partitions)?;
                // If a partition returns, the client remembers whether it was paused.
                if self.paused {
                    self.consumer.pause(&partitions)?;
                } else {
                    self.consumer.resume(&partitions)?;
                }
                self.joined = true;
                self.consumer.context().set_refused_request(None);
                self.count_rebalance("assigned", &partitions);
            }
            Rebalance::Revoked(partitions) if self.consumer.assignment_lost() => {
                // Nothing can be committed, so there is nothing to wait for.
                self.release(&partitions)?;
                self.joined = false;
                self.count_rebalance("lost", &partitions);
            }
            Rebalance::Revoked(partitions) => {
                self.drain(&partitions, self.drain_timeout)?;
                self.release(&partitions)?;
                self.count_rebalance("revoked", &partitions);
            }
        }
        Ok(())
    }

    /// Finishes the batches in progress of these partitions within `timeout`. Others are abandoned; the
    /// partition's next owner reads them again.
    fn drain(
        &mut self,
        partitions: &TopicPartitionList,
        timeout: Duration,
    ) -> Result<(), PipelineError> {
        let until = Instant::now() + timeout;
        let busy = |workers: &HashMap<i32, PartitionWorker>| {
            let elements = partitions.elements();
            elements.iter().any(|element| {
                let worker = workers.get(&element.partition());
                worker.is_some_and(|worker| !worker.is_idle())
            })
        };
        while busy(&self.workers) && !self.stages.breaker.is_open() && Instant::now() < until {
            self.wait_for_finished(Duration::from_millis(20))?;
        }
        if busy(&self.workers) {
            tracing::info!("batches in progress are abandoned; their records will be read again");
        }
        Ok(())
    }

    /// Ends the workers. The client then commits the stored offsets of these partitions.
    fn release(&mut self, partitions: &TopicPartitionList) -> Result<(), PipelineError> {
        for element in partitions.elements() {
            self.workers.remove(&element.partition());
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
            .set(i64::try_from(self.workers.len()).unwrap_or(i64::MAX));
        let changed: Vec<i32> = changed.elements().iter().map(|e| e.partition()).collect();
        tracing::info!(kind, partitions = ?changed, now = self.workers.len(), "rebalance");
    }

    /// Finishes the batches in progress and commits. The commit may wait for the broker;
    /// [`Pipeline::run`](super::Pipeline::run) limits that.
    fn close(&mut self) -> Result<(), PipelineError> {
        let until = Instant::now() + self.drain_timeout * 4 / 5;
        let assigned = self.consumer.assignment()?;
        self.drain(&assigned, self.drain_timeout * 4 / 5)?;
        self.workers.clear();
        self.wait_for_coordinator(until);
        self.commit(until);
        Ok(())
    }

    /// Waits until the coordinator has answered every earlier request. It answers a request to join only when
    /// the rebalance is complete, and a request to leave behind it would come too late: the others would wait
    /// for this member until its session ends.
    fn wait_for_coordinator(&self, until: Instant) {
        if self.consumer.context().is_disconnected() {
            return;
        }
        let mut partition = TopicPartitionList::with_capacity(1);
        partition.add_partition(&self.topic, 0);
        let left = until.saturating_duration_since(Instant::now());
        if let Err(error) = self.consumer.committed_offsets(partition, left) {
            tracing::debug!(%error, "the coordinator does not answer");
        }
    }

    /// Commits the stored offsets. The broker rejects a commit while this member joins the group's next
    /// generation, so this tries again until `until`.
    fn commit(&self, until: Instant) {
        use RDKafkaErrorCode::{IllegalGeneration, NoOffset, RebalanceInProgress};
        loop {
            match self.consumer.commit_consumer_state(CommitMode::Sync) {
                Ok(()) | Err(KafkaError::ConsumerCommit(NoOffset)) => return,
                Err(KafkaError::ConsumerCommit(IllegalGeneration | RebalanceInProgress))
                    if Instant::now() < until && !self.consumer.assignment_lost() =>
                {
                    std::thread::sleep(COMMIT_AGAIN);
                }
                Err(error) => {
                    tracing::warn!(%error, "the last offsets could not be committed; their records will be read again");
                    return;
                }
            }
        }
    }
}

impl<S> Drop for Reader<S> {
    /// The consumer is dropped after this and leaves the group. It waits until every rebalance is
    /// answered.
    fn drop(&mut self) {
        self.workers.clear();
        // Before the answers: without a subscription the client does not join again after a revocation.
        self.consumer.unsubscribe();
        self.consumer.context().close();
        while let Ok(rebalance) = self.rebalances.try_recv() {
            match rebalance {
                Rebalance::Assigned(_) => events::reject(&self.consumer),
                Rebalance::Revoked(partitions) => events::release(&self.consumer, &partitions),
            }
        }
    }
}
