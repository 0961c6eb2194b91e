//! From an input topic through a [`Step`] to an output topic, at least once and in order.
//!
//! ```text
//! read ──> batch ──> decide ──> write ──> commit        one lane for each partition
//! reader   lane      attempt    writer    receipt, offsets, reader
//! ```
//!
//! - Records of a partition stay in order; several batches of it may be with the step at once,
//!   and several partitions are worked on at once.
//! - An offset is stored when the broker acknowledged the results of all records before it, and
//!   committed in the background. A rebalance first finishes, with a bound, what is under way in
//!   the partitions that go, or abandons it; then nothing is committed for them any more.
//! - A step that answers [`Decision::Retry`](crate::Decision) pauses the consumption until it
//!   works again, while the consumer stays in its group.
//! - What is under way is bounded by bytes; behind the bound reading waits, then pauses.
//!
//! A transactional mode (one transaction for each short interval, offsets inside it) would take
//! the place of `receipt` and of the storing in `reader`; the other stages would not change.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::producer::ThreadedProducer;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::events::Events;
use crate::gate::{Backoff, Gate};
use crate::health::{Health, PipelineError};
use crate::lane::{BatchLimits, Stages};
use crate::metrics::PipelineMetrics;
use crate::reader::Reader;
use crate::receipt::Deliveries;
use crate::topics;
use crate::writer::Writer;
use crate::{KafkaSettings, Step, dead_letter};

/// Where a pipeline reads and writes, and its bounds.
#[derive(Clone, Debug)]
pub struct PipelineConfig {
    /// How to reach Kafka.
    pub kafka: KafkaSettings,
    /// The name of this client in the broker's logs.
    pub client_id: String,
    /// The consumer group.
    pub group_id: String,
    /// The topic that is read. Its dead letters go to [`dead_letter::topic_of`] it.
    pub input_topic: String,
    /// The topic that results are written to.
    pub output_topic: String,
    /// How records are gathered into batches.
    pub batches: BatchLimits,
    /// At most this many bytes are under way, with an allowance for each record.
    pub budget_bytes: usize,
    /// How long a rebalance or a shutdown waits for what is under way.
    pub drain_timeout: Duration,
    /// How long to wait between attempts of a step that is unavailable.
    pub backoff: Backoff,
}

/// A pipeline with its clients, not running yet.
pub struct Pipeline {
    config: PipelineConfig,
    consumer: BaseConsumer<Events>,
    rebalances: std::sync::mpsc::Receiver<crate::events::Rebalance>,
    producer: ThreadedProducer<Deliveries>,
    metrics: PipelineMetrics,
    health: watch::Sender<Health>,
}

impl Pipeline {
    /// Makes the clients; it does not wait for a broker.
    ///
    /// # Errors
    /// Where librdkafka refuses a property.
    pub fn new(config: PipelineConfig, metrics: PipelineMetrics) -> Result<Self, PipelineError> {
        let (send, rebalances) = channel();
        let events = Events::new(send, metrics.clone());
        let mut consumer = config
            .kafka
            .group_consumer(&config.client_id, &config.group_id);
        let mut producer = config.kafka.producer(&config.client_id);
        for client in [&mut consumer, &mut producer] {
            client.set("statistics.interval.ms", "1000");
        }
        let deliveries = Deliveries(metrics.clients.clone());
        Ok(Self {
            consumer: BaseConsumer::from_config_and_context(&consumer, events)?,
            rebalances,
            producer: ThreadedProducer::from_config_and_context(&producer, deliveries)?,
            metrics,
            health: watch::Sender::new(Err("starting".to_owned())),
            config,
        })
    }

    /// Follows whether the pipeline does its job.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Runs until `shutdown` is cancelled, then finishes what is under way and leaves the group.
    ///
    /// Waits first until the input, output and dead-letter topics exist.
    ///
    /// # Errors
    /// Where the client, a delivery or the step fails for good.
    pub async fn run<S: Step>(
        self,
        step: S,
        shutdown: CancellationToken,
    ) -> Result<(), PipelineError> {
        let (done, finished) = channel();
        let stages = Stages {
            step,
            gate: Gate::new(self.config.backoff),
            writer: Writer {
                producer: self.producer,
                output_topic: self.config.output_topic.clone(),
            },
            limits: self.config.batches,
            finished: done,
            metrics: self.metrics,
        };
        let reader = Reader {
            consumer: self.consumer,
            rebalances: self.rebalances,
            finished,
            stages: Arc::new(stages),
            runtime: tokio::runtime::Handle::current(),
            topic: self.config.input_topic.as_str().into(),
            budget: self.config.budget_bytes,
            drain_timeout: self.config.drain_timeout,
            health: self.health,
            shutdown,
            lanes: HashMap::new(),
            epochs: 0,
            joined: false,
            paused: false,
        };
        let needed = [
            self.config.input_topic.clone(),
            self.config.output_topic,
            dead_letter::topic_of(&self.config.input_topic),
        ];
        let (send, ended) = tokio::sync::oneshot::channel();
        // A thread of its own and not one of the runtime's: it lives as long as the pipeline.
        let thread = std::thread::Builder::new()
            .name("kafka reader".to_owned())
            .spawn(move || {
                let outcome =
                    topics::wait_for(&reader.consumer, &needed, &reader.health, &reader.shutdown)
                        .and_then(|()| reader.run());
                // Nobody listens where the pipeline's future was dropped.
                let _ = send.send(outcome);
            })
            .map_err(|error| PipelineError::Panic(error.to_string()))?;
        ended.await.unwrap_or_else(|_| {
            let panic = thread.join().err();
            let text =
                panic.and_then(|panic| panic.downcast_ref::<&str>().map(ToString::to_string));
            Err(PipelineError::Panic(text.unwrap_or_default()))
        })
    }
}
