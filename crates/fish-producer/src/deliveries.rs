//! Sends records to Kafka: a bounded number at a time, each with an awaited acknowledgement.

use std::fmt;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use kafka_io::KafkaSettings;
use pipeline::{MessageError, ToWire, topics};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::progress::Progress;
use crate::simulation::Event;

/// Maximum number of records without an acknowledgement; at this number the machines pause.
pub(crate) const MAX_IN_FLIGHT: usize = 1_000;

/// Why a record is not on its topic.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// Kafka or the client rejected it.
    #[error("the record of fish {fish} did not reach {topic}: {reason}")]
    Rejected {
        fish: String,
        topic: &'static str,
        reason: KafkaError,
    },
    /// The client ended before the acknowledgement.
    #[error(
        "the record of fish {fish} may not have reached {topic}: the client ended before the acknowledgement"
    )]
    Unknown { fish: String, topic: &'static str },
    /// It cannot be serialized.
    #[error("the record of fish {fish} cannot be serialized")]
    Unserializable { fish: String, source: MessageError },
}

/// Resolves when a record is acknowledged or lost.
type Delivery = BoxFuture<'static, Result<Machine, DeliveryError>>;

/// The producer and the deliveries without an acknowledgement.
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
    /// If a property of `settings` is unknown or has an invalid value.
    pub(crate) fn new(settings: &KafkaSettings, progress: Progress) -> Result<Self, KafkaError> {
        Ok(Self {
            producer: settings.producer("fish-producer").create()?,
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

    /// Passes an event's record to the client: the key is the fish's id, the timestamp is event time.
    ///
    /// # Errors
    /// If the client rejects it, or another record is lost.
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
        let value = value.map_err(|source| DeliveryError::Unserializable {
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
                // A property can make the client's queue smaller than MAX_IN_FLIGHT.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again))
                    if !self.waiting.is_empty() =>
                {
                    self.acknowledged().await?;
                    record = again;
                }
                Err((reason, _)) => {
                    return Err(DeliveryError::Rejected {
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
                Ok(Err((reason, _))) => Err(DeliveryError::Rejected {
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
