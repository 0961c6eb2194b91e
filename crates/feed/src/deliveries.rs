//! Sends records to Kafka: a bounded number at a time, each with an awaited acknowledgement.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use kafka_io::KafkaSettings;
use pipeline::EventTime;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::progress::Progress;

/// A record of one of the first two topics.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// Which of the two topics.
    pub kind: Kind,
    /// The topic.
    pub topic: &'static str,
    /// The record's key.
    pub key: String,
    /// The record's value.
    pub value: Vec<u8>,
    /// Event time, the record's Kafka timestamp.
    pub at: EventTime,
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What is known first.
    Measured,
    /// The actual value.
    Actual,
}

/// Maximum number of records without an acknowledgement; at this number the feed pauses.
pub const MAX_IN_FLIGHT: usize = 1_000;

/// Why a record is not on its topic.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// Kafka or the client rejected it.
    #[error("the record with the key `{key}` did not reach {topic}: {reason}")]
    Rejected {
        key: String,
        topic: &'static str,
        reason: String,
    },
    /// The client ended before the acknowledgement.
    #[error(
        "the record with the key `{key}` may not have reached {topic}: the client ended before the acknowledgement"
    )]
    Unknown { key: String, topic: &'static str },
}

/// Resolves when a record is acknowledged or lost.
type Delivery = BoxFuture<'static, Result<Kind, DeliveryError>>;

/// The producer and the deliveries without an acknowledgement.
pub struct Deliveries {
    producer: FutureProducer,
    kafka: Arc<KafkaSettings>,
    waiting: FuturesUnordered<Delivery>,
    progress: Progress,
}

impl Deliveries {
    /// A producer with this client id.
    ///
    /// # Errors
    /// If a property of `settings` is unknown or has an invalid value.
    pub fn new(
        settings: &KafkaSettings,
        client_id: &str,
        progress: Progress,
    ) -> Result<Self, KafkaError> {
        Ok(Self {
            producer: settings.producer(client_id).create()?,
            kafka: Arc::new(settings.clone()),
            waiting: FuturesUnordered::new(),
            progress,
        })
    }

    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < MAX_IN_FLIGHT
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    /// Passes a record to the client.
    ///
    /// # Errors
    /// If the client rejects it, or another record is lost.
    pub(crate) async fn send(&mut self, outgoing: Outgoing) -> Result<(), DeliveryError> {
        let Outgoing {
            kind,
            topic,
            key,
            value,
            at,
        } = outgoing;
        let mut record = FutureRecord::to(topic)
            .key(&key)
            .payload(&value)
            .timestamp(at.as_millis());
        let delivery = loop {
            match self.producer.send_result(record) {
                Ok(delivery) => break delivery,
                // A property can make the client's queue smaller than MAX_IN_FLIGHT.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again))
                    if !self.waiting.is_empty() =>
                {
                    self.acknowledged().await?;
                    record = again;
                }
                Err((error, _)) => {
                    let reason = explain(&self.kafka, &error, topic);
                    return Err(DeliveryError::Rejected { key, topic, reason });
                }
            }
        };
        let kafka = Arc::clone(&self.kafka);
        self.waiting.push(Box::pin(async move {
            match delivery.await {
                Ok(Ok(_)) => Ok(kind),
                Ok(Err((error, _))) => {
                    let reason = explain(&kafka, &error, topic);
                    Err(DeliveryError::Rejected { key, topic, reason })
                }
                Err(_) => Err(DeliveryError::Unknown { key, topic }),
            }
        }));
        self.count();
        Ok(())
    }

    /// Waits for the next acknowledgement; forever if nothing is in flight.
    ///
    /// # Errors
    /// If a record is lost.
    pub(crate) async fn acknowledged(&mut self) -> Result<(), DeliveryError> {
        let Some(outcome) = self.waiting.next().await else {
            return std::future::pending().await;
        };
        self.count();
        match outcome? {
            Kind::Measured => self.progress.measured.inc(),
            Kind::Actual => self.progress.actual.inc(),
        };
        Ok(())
    }

    fn count(&self) {
        let in_flight = i64::try_from(self.waiting.len()).unwrap_or(i64::MAX);
        self.progress.in_flight.set(in_flight);
    }
}

fn explain(kafka: &KafkaSettings, error: &KafkaError, topic: &str) -> String {
    kafka.explain(error, "Write", &format!("topic `{topic}`"))
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries")
            .field("in_flight", &self.waiting.len())
            .finish_non_exhaustive()
    }
}
