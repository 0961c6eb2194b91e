//! Writing records with checked deliveries.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kafka_io::KafkaSettings;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::execute::{OutputRecord, partition_of};
use crate::kafka::error::RuntimeError;

/// The maximum number of unacknowledged records.
const IN_FLIGHT: usize = 10_000;
/// The pause before a retry on a full queue.
const RETRY_PAUSE: Duration = Duration::from_millis(5);
/// How long a stopping query waits for its deliveries.
pub(crate) const FLUSH: Duration = Duration::from_secs(10);

/// Creates the producer that all queries share. It is idempotent: a retry neither duplicates nor
/// reorders records.
pub(crate) fn producer(
    settings: &KafkaSettings,
    client_id: &str,
) -> Result<FutureProducer, RuntimeError> {
    settings
        .producer(client_id)
        .create()
        .map_err(RuntimeError::kafka("a producer cannot be created"))
}

/// The unacknowledged records of one query.
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

    /// Passes a record to the producer. The key without its window determines the partition, as in
    /// Kafka Streams.
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
                        // Other queries fill the shared queue.
                        tokio::time::sleep(RETRY_PAUSE).await;
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

    /// Waits for the next delivery; forever if no record is unacknowledged.
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

    /// Waits for all deliveries.
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
