//! The broker's acknowledgements, collected for each batch.
//!
//! Every message of a batch carries a reference to the batch's receipt through librdkafka. The last
//! delivery report drops the last reference, and the receipt then reports the batch as finished.

use std::ops::Range;
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::statistics::Statistics;

use crate::client::{ClientMetrics, log};

/// The batch of a receipt.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) partition: i32,
    /// The assignment of the partition that the batch belongs to.
    pub(super) epoch: u64,
    pub(super) range: Range<i64>,
    pub(super) weight: usize,
    pub(super) received: Instant,
}

/// The outcomes of a batch's records.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) emitted: u64,
    pub(super) dead_lettered: u64,
    pub(super) skipped: u64,
}

/// A batch that is written, or failed.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) ticket: Ticket,
    /// Since the first record was received.
    pub(super) latency: Duration,
    pub(super) outcome: Result<Counts, Failure>,
}

/// Why a batch could not be finished. Nothing after it is committed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The broker or the client rejected a result permanently.
    #[error(
        "a result could not be written to `{topic}`: {error}; a restart reads the records again"
    )]
    Delivery {
        /// The topic of the result.
        topic: String,
        /// The client's error.
        error: KafkaError,
    },
    /// Kafka does not allow to write a result.
    #[error("{0}; a restart reads the records again")]
    Refused(String),
    /// The step returned wrong decisions or panicked.
    #[error("the processing step failed: {0}")]
    Step(String),
}

#[derive(Debug)]
pub(super) struct Receipt {
    ticket: Ticket,
    finished: Sender<Finished>,
    /// Set when all messages were passed to the producer. A receipt without it belongs to an abandoned
    /// batch.
    written: OnceLock<Counts>,
    failure: OnceLock<Failure>,
}

impl Receipt {
    pub(super) fn new(ticket: Ticket, finished: Sender<Finished>) -> Arc<Self> {
        Arc::new(Self {
            ticket,
            finished,
            written: OnceLock::new(),
            failure: OnceLock::new(),
        })
    }

    /// All messages of the batch were passed to the producer.
    pub(super) fn written(&self, counts: Counts) {
        // It is set only once.
        let _ = self.written.set(counts);
    }

    /// The batch cannot be finished. The first failure counts.
    pub(super) fn failed(&self, failure: Failure) {
        let _ = self.failure.set(failure);
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let outcome = match (self.failure.take(), self.written.get()) {
            (Some(failure), _) => Err(failure),
            (None, Some(counts)) => Ok(*counts),
            (None, None) => return,
        };
        // The receiver is gone only after the pipeline has ended.
        let _ = self.finished.send(Finished {
            latency: self.ticket.received.elapsed(),
            ticket: self.ticket.clone(),
            outcome,
        });
    }
}

/// The producer's context: receives delivery reports.
#[derive(Debug)]
pub(super) struct Deliveries(pub(super) ClientMetrics);

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.update("producer", &statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The consumer, which is always connected, reports lost brokers.
        tracing::debug!(%error, reason, "producer");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Receipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Arc<Receipt>) {
        if let Err((error, message)) = result {
            receipt.failed(Failure::Delivery {
                topic: rdkafka::Message::topic(message).to_owned(),
                error: error.clone(),
            });
        }
    }
}
