//! From an input topic through a [`Step`] to an output topic: at least once and in order.
//!
//! ```text
//! reader ──> worker ──> attempt ──> writer ──> receipts ──> offsets ──> reader
//! polls      batches    decides     produces   acknowledged  in order   stores and commits
//!            one worker for each partition
//! ```
//!
//! - Records of a partition stay in order. Several of its batches may be in the step at the same
//!   time, and partitions are processed in parallel.
//! - An offset is stored after the broker has acknowledged the results of all records before it, and
//!   committed in the background. A rebalance finishes the batches in progress of the revoked
//!   partitions first, up to the drain timeout, or abandons them. Nothing is committed for them
//!   afterwards.
//! - [`Decision::Retry`] pauses consumption until the step works again. The consumer stays in its group.
//! - Records in progress are bounded by bytes. At the limit reading waits, then pauses.
//! - A stop takes at most the drain timeout, even if the broker does not answer.
//!
//! | module | contents |
//! |---|---|
//! | `step` | [`Step`]: what a program adds to the pipeline |
//! | `reader` | the consumer's thread: reading, rebalances, storing offsets |
//! | `gathered` | one round of reading, by partition |
//! | `events` | the consumer's callbacks |
//! | `worker` | the task of one partition |
//! | `batch` | consecutive records of one partition |
//! | `attempt`, `circuit_breaker` | calling the step until every record has a final decision |
//! | `writer`, `receipt` | producing, and the broker's acknowledgements |
//! | `offsets` | which offset may be stored |
//! | `metrics`, `health` | what a pipeline reports |

mod attempt;
mod batch;
mod circuit_breaker;
mod events;
mod gathered;
mod health;
mod metrics;
mod offsets;
mod reader;
mod receipt;
mod step;
mod worker;
mod writer;

pub use circuit_breaker::Backoff;
pub use health::{Health, PipelineError};
pub use metrics::PipelineMetrics;
pub use receipt::Failure;
pub use step::{Decision, Emission, Step, Unavailable};
pub use worker::BatchLimits;
pub use writer::{SOURCE_OFFSET, SOURCE_PARTITION, SOURCE_TOPIC};

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::producer::ThreadedProducer;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::KafkaSettings;
use crate::dead_letter;
use circuit_breaker::CircuitBreaker;
use events::{ConsumerEvents, Rebalance};
use reader::Reader;
use receipt::Deliveries;
use worker::Stages;
use writer::Writer;

/// Where a pipeline reads and writes, and its limits.
#[derive(Clone, Debug)]
pub struct PipelineConfig {
    /// How to reach Kafka.
    pub kafka: KafkaSettings,
    /// The name of the clients in the broker's logs.
    pub client_id: String,
    /// The consumer group.
    pub group_id: String,
    /// The input topic. Its dead letters go to [`dead_letter::topic_of`] it.
    pub input_topic: String,
    /// The topic for results.
    pub output_topic: String,
    /// How records are gathered into batches.
    pub batches: BatchLimits,
    /// Maximum number of bytes in progress, including an allowance for each record.
    pub budget_bytes: usize,
    /// How long a rebalance or a stop waits for batches in progress. A stop also commits and leaves the
    /// group within this time; it reserves a fifth of it for that.
    pub drain_timeout: Duration,
    /// The pauses between attempts while the step is unavailable.
    pub backoff: Backoff,
}

impl PipelineConfig {
    /// The default limits, with `name` as client id and consumer group.
    pub fn new(
        kafka: KafkaSettings,
        name: impl Into<String>,
        input_topic: impl Into<String>,
        output_topic: impl Into<String>,
    ) -> Self {
        let name = name.into();
        Self {
            kafka,
            client_id: name.clone(),
            group_id: name,
            input_topic: input_topic.into(),
            output_topic: output_topic.into(),
            batches: BatchLimits::default(),
            budget_bytes: 16 << 20,
            drain_timeout: Duration::from_secs(5),
            backoff: Backoff::default(),
        }
    }
}

/// A pipeline with its clients that does not run yet.
pub struct Pipeline {
    config: PipelineConfig,
    consumer: BaseConsumer<ConsumerEvents>,
    rebalances: Receiver<Rebalance>,
    producer: ThreadedProducer<Deliveries>,
    metrics: PipelineMetrics,
    health: watch::Sender<Health>,
}

impl Pipeline {
    /// Creates the clients without waiting for a broker.
    ///
    /// # Errors
    /// If librdkafka rejects a property.
    pub fn new(config: PipelineConfig, metrics: PipelineMetrics) -> Result<Self, PipelineError> {
        let (send, rebalances) = channel();
        let events = ConsumerEvents::new(config.kafka.clone(), send, metrics.clone());
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

    /// Whether the pipeline processes records, as it changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Runs until `shutdown` is cancelled, then finishes the batches in progress, commits and leaves
    /// the group, which takes at most the drain timeout.
    ///
    /// It first waits until the input, output and dead-letter topics exist.
    ///
    /// # Errors
    /// If a client, a delivery or the step fails permanently.
    pub async fn run<S: Step>(
        self,
        step: S,
        shutdown: CancellationToken,
    ) -> Result<(), PipelineError> {
        let (done, finished) = channel();
        let stages = Stages {
            step,
            breaker: CircuitBreaker::new(self.config.backoff),
            writer: Writer {
                producer: self.producer,
                output_topic: self.config.output_topic.clone(),
            },
            limits: self.config.batches,
            finished: done,
            metrics: self.metrics,
        };
        let stopping = shutdown.child_token();
        // If this future is dropped, the thread stops too.
        let _stop_on_drop = stopping.clone().drop_guard();
        let mut reader = Reader {
            consumer: self.consumer,
            rebalances: self.rebalances,
            finished,
            stages: Arc::new(stages),
            runtime: tokio::runtime::Handle::current(),
            topic: self.config.input_topic.as_str().into(),
            group_id: self.config.group_id.clone(),
            budget: self.config.budget_bytes,
            drain_timeout: self.config.drain_timeout,
            health: self.health,
            shutdown: stopping.clone(),
            workers: HashMap::new(),
            epochs: 0,
            joined: false,
            paused: false,
        };
        let topics = [
            dead_letter::topic_of(&self.config.input_topic),
            self.config.input_topic,
            self.config.output_topic,
        ];
        let (send_outcome, mut outcome) = oneshot::channel();
        let (closed, mut closing) = oneshot::channel::<()>();
        // Not a thread of the runtime: it lives as long as the pipeline.
        std::thread::Builder::new()
            .name("kafka reader".to_owned())
            .spawn(move || {
                let outcome = catch_unwind(AssertUnwindSafe(|| reader.run(&topics)));
                let outcome = outcome.unwrap_or_else(|panic| {
                    let text = panic.downcast_ref::<&str>().copied();
                    Err(PipelineError::Panic(text.unwrap_or_default().to_owned()))
                });
                reader.shutdown.cancel();
                // The receiver is gone if the future was dropped.
                let _ = send_outcome.send(outcome);
                // Leaves the group, and waits for the broker.
                drop(reader);
                drop(closed);
            })
            .map_err(|error| PipelineError::Panic(error.to_string()))?;

        let limit = async {
            stopping.cancelled().await;
            tokio::time::sleep(self.config.drain_timeout).await;
        };
        tokio::pin!(limit);
        let mut ended = None;
        loop {
            tokio::select! {
                biased;
                outcome = &mut outcome, if ended.is_none() => {
                    ended = Some(outcome.unwrap_or_else(|error| {
                        Err(PipelineError::Panic(error.to_string()))
                    }));
                }
                _ = &mut closing => break,
                () = &mut limit => {
                    tracing::warn!(
                        drain_timeout_ms = self.config.drain_timeout.as_millis(),
                        "Kafka does not answer: the pipeline stops without its last commit; records may be processed again"
                    );
                    break;
                }
            }
        }
        ended.unwrap_or(Ok(()))
    }
}
