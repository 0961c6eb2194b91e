//! The broker's acknowledgements, collected for each batch.
//!
//! Every message of a batch carries the batch's receipt through librdkafka; with the last delivery
//! report the last reference goes, and the receipt reports the batch as finished.

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

use crate::client_log::log;
use crate::statistics::ClientMetrics;

/// Which batch a receipt is for.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) partition: i32,
    /// Which assignment of the partition the batch belongs to.
    pub(crate) epoch: u64,
    pub(crate) range: Range<i64>,
    pub(crate) weight: usize,
    pub(crate) received: Instant,
}

/// What became of a batch's records.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) emitted: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) skipped: u64,
}

/// A batch whose fate is settled.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) ticket: Ticket,
    /// From the receipt of the batch's first record until now.
    pub(crate) latency: Duration,
    pub(crate) outcome: Result<Counts, Failure>,
}

/// Why a batch could not be finished; nothing after it is committed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The broker, or the client for it, refuses a result for good.
    #[error(
        "a result could not be written to `{topic}`: {error}; nothing is lost, the records are read again after a restart"
    )]
    Delivery {
        /// The topic that it was meant for.
        topic: String,
        /// The client's error.
        error: KafkaError,
    },
    /// The step broke its contract or panicked.
    #[error("the processing step failed: {0}")]
    Step(String),
}

#[derive(Debug)]
pub(crate) struct Receipt {
    ticket: Ticket,
    finished: Sender<Finished>,
    /// Set when all messages are handed over; a receipt dropped before is of an abandoned batch.
    written: OnceLock<Counts>,
    failure: OnceLock<Failure>,
}

impl Receipt {
    pub(crate) fn new(ticket: Ticket, finished: Sender<Finished>) -> Arc<Self> {
        Arc::new(Self {
            ticket,
            finished,
            written: OnceLock::new(),
            failure: OnceLock::new(),
        })
    }

    /// All messages of the batch are handed over.
    pub(crate) fn written(&self, counts: Counts) {
        // It is set once only; a second value could not mean anything else.
        let _ = self.written.set(counts);
    }

    /// The batch cannot be finished; the first failure counts.
    pub(crate) fn failed(&self, failure: Failure) {
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
        // The reader is gone only when the pipeline has ended.
        let _ = self.finished.send(Finished {
            latency: self.ticket.received.elapsed(),
            ticket: self.ticket.clone(),
            outcome,
        });
    }
}

/// The producer's side: takes delivery reports.
#[derive(Debug)]
pub(crate) struct Deliveries(pub(crate) ClientMetrics);

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.update("producer", &statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The consumer, which is always connected, tells of lost brokers.
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
