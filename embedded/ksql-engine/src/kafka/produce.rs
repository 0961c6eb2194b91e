//! Writing records, with every delivery checked.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kafka_io::KafkaSettings;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::execute::OutputRecord;
use crate::execute::murmur2::partition_of;
use crate::kafka::error::RuntimeError;

/// How many records may be on their way at once.
const IN_FLIGHT: usize = 10_000;
/// How long a full queue is left alone.
const BETWEEN_TRIES: Duration = Duration::from_millis(5);
/// How long a stopping query waits for what is on its way.
pub(crate) const FLUSH: Duration = Duration::from_secs(10);

/// Makes the producer that all queries share: idempotent, so that a retry writes nothing twice or
/// out of order.
pub(crate) fn producer(
    settings: &KafkaSettings,
    client_id: &str,
) -> Result<FutureProducer, RuntimeError> {
    settings
        .producer(client_id)
        .create()
        .map_err(RuntimeError::kafka("a producer cannot be made"))
}

/// One query's way out.
pub(crate) struct Deliveries {
    producer: FutureProducer,
    in_flight: FuturesUnordered<DeliveryFuture>,
}

impl Deliveries {
    pub(crate) fn new(producer: FutureProducer) -> Self {
        Self {
            producer,
            in_flight: FuturesUnordered::new(),
        }
    }

    /// Hands a record to the producer. The partition is that of the key without its window, as
    /// Kafka Streams chooses it; any, where there is no key.
    pub(crate) async fn send(
        &mut self,
        record: &OutputRecord,
        partitions: u32,
    ) -> Result<(), RuntimeError> {
        let mut headers = OwnedHeaders::new();
        for header in record.headers.iter() {
            headers = headers.insert(Header {
                key: &header.key,
                value: header.value.as_ref(),
            });
        }
        let mut message: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(&record.topic).timestamp(record.timestamp);
        if !record.headers.is_empty() {
            message = message.headers(headers);
        }
        if let Some(key) = &record.key {
            message = message.key(key);
        }
        if let Some(value) = &record.value {
            message = message.payload(value);
        }
        if let Some(key) = record.partition_key() {
            let partition = partition_of(key, partitions);
            message = message.partition(i32::try_from(partition).unwrap_or(i32::MAX));
        }
        while self.in_flight.len() >= IN_FLIGHT {
            self.delivered().await?;
        }
        loop {
            match self.producer.send_result(message) {
                Ok(delivery) => {
                    self.in_flight.push(delivery);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    message = back;
                    if self.in_flight.is_empty() {
                        // Other queries fill the queue that all share.
                        tokio::time::sleep(BETWEEN_TRIES).await;
                    } else {
                        self.delivered().await?;
                    }
                }
                Err((error, _)) => {
                    return Err(RuntimeError::kafka("writing to Kafka failed")(error));
                }
            }
        }
    }

    /// Waits for the next delivery; for ever if nothing is on its way.
    pub(crate) async fn delivered(&mut self) -> Result<(), RuntimeError> {
        match self.in_flight.next().await {
            None => std::future::pending().await,
            Some(Ok(Ok(_))) => Ok(()),
            Some(Ok(Err((error, _)))) => {
                Err(RuntimeError::kafka("a record was not delivered")(error))
            }
            Some(Err(_)) => Err(RuntimeError::Interrupted),
        }
    }

    /// Waits a while for all that is on its way.
    pub(crate) async fn flush(&mut self) -> Result<(), RuntimeError> {
        let all = async {
            while !self.in_flight.is_empty() {
                self.delivered().await?;
            }
            Ok(())
        };
        tokio::time::timeout(FLUSH, all)
            .await
            .unwrap_or(Err(RuntimeError::Interrupted))
    }
}
