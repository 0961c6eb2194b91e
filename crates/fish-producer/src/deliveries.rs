//! Records on their way to Kafka: a bounded number, each one's acknowledgement awaited.

use std::fmt;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use kafka_io::KafkaSettings;
use pipeline::{MessageError, ToWire, topics};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::progress::Progress;
use crate::simulation::Event;

/// So many records may wait for an acknowledgement; then the machines stand still.
pub(crate) const MOST_IN_FLIGHT: usize = 256;

/// Why a record is not on its topic.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// Kafka, or the client, refused it.
    #[error("the record of fish {fish} did not reach {topic}: {reason}")]
    Refused {
        fish: String,
        topic: &'static str,
        reason: KafkaError,
    },
    /// The client ended before it knew.
    #[error("whether the record of fish {fish} reached {topic} is not known: the client ended")]
    Unknown { fish: String, topic: &'static str },
    /// It cannot be written as JSON.
    #[error("the record of fish {fish} cannot be written")]
    Unwritable { fish: String, source: MessageError },
}

/// Resolves when a record is acknowledged, or lost.
type Delivery = BoxFuture<'static, Result<Machine, DeliveryError>>;

/// The producer and what it has not heard of yet.
pub(crate) struct Deliveries {
    producer: FutureProducer,
    waiting: FuturesUnordered<Delivery>,
    progress: Progress,
}

#[derive(Clone, Copy)]
enum Machine {
    Measures,
    Weighs,
}

impl Deliveries {
    /// # Errors
    /// Where a property of `settings` is unknown or has a wrong value.
    pub(crate) fn new(settings: &KafkaSettings, progress: Progress) -> Result<Self, KafkaError> {
        Ok(Self {
            producer: settings.producer("fish-producer").create()?,
            waiting: FuturesUnordered::new(),
            progress,
        })
    }

    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < MOST_IN_FLIGHT
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    /// Hands an event's record to the client: key = the fish's id, timestamp = event time.
    ///
    /// # Errors
    /// Where the client refuses it, or another record that was waited for is lost.
    pub(crate) async fn send(&mut self, event: &Event) -> Result<(), DeliveryError> {
        let (machine, topic, value) = match event {
            Event::Measured(fish) => (
                Machine::Measures,
                topics::MACHINE_MEASUREMENT,
                fish.to_wire(),
            ),
            Event::Weighed(fish) => (Machine::Weighs, topics::MACHINE_WEIGHT, fish.to_wire()),
        };
        let fish = event.fish_id().to_owned();
        let value = value.map_err(|source| DeliveryError::Unwritable {
            fish: fish.clone(),
            source,
        })?;
        let mut record = FutureRecord::to(topic)
            .key(event.fish_id())
            .payload(&value)
            .timestamp(event.at().as_millis());
        let delivery = loop {
            match self.producer.send_result(record) {
                Ok(delivery) => break delivery,
                // A queue smaller than ours, set by a property: one must leave it first.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again))
                    if !self.waiting.is_empty() =>
                {
                    self.acknowledged().await?;
                    record = again;
                }
                Err((reason, _)) => {
                    return Err(DeliveryError::Refused {
                        fish,
                        topic,
                        reason,
                    });
                }
            }
        };
        self.waiting.push(Box::pin(async move {
            match delivery.await {
                Ok(Ok(_)) => Ok(machine),
                Ok(Err((reason, _))) => Err(DeliveryError::Refused {
                    fish,
                    topic,
                    reason,
                }),
                Err(_) => Err(DeliveryError::Unknown { fish, topic }),
            }
        }));
        self.count();
        Ok(())
    }

    /// Waits for the next acknowledgement; for ever where nothing is in flight.
    ///
    /// # Errors
    /// Where a record is lost.
    pub(crate) async fn acknowledged(&mut self) -> Result<(), DeliveryError> {
        let Some(outcome) = self.waiting.next().await else {
            return std::future::pending().await;
        };
        self.count();
        match outcome? {
            Machine::Measures => self.progress.measured.inc(),
            Machine::Weighs => self.progress.weighed.inc(),
        };
        Ok(())
    }

    fn count(&self) {
        let in_flight = i64::try_from(self.waiting.len()).unwrap_or(i64::MAX);
        self.progress.in_flight.set(in_flight);
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries")
            .field("in_flight", &self.waiting.len())
            .finish_non_exhaustive()
    }
}
