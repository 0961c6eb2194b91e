//! Reading all partitions of one topic.

use std::sync::Arc;

use kafka_io::{EofContext, KafkaSettings, is_transient, readable_headers};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::execute::{Header, Record};
use crate::kafka::error::RuntimeError;

/// A consumer of all partitions of one topic.
pub struct Reader {
    consumer: StreamConsumer<EofContext>,
    topic: Arc<str>,
    partitions: u32,
}

/// An event of a [`Reader`].
#[derive(Debug)]
pub enum Event {
    /// A record.
    Record(Record),
    /// The end of a partition was reached.
    AtEnd(u32),
}

impl Reader {
    /// A reader from the first record, or only of new records.
    ///
    /// # Errors
    /// librdkafka rejects the settings or the partitions.
    pub fn new(
        settings: &KafkaSettings,
        client_id: &str,
        topic: &str,
        partitions: u32,
        from_beginning: bool,
    ) -> Result<Self, RuntimeError> {
        let consumer: StreamConsumer<EofContext> = settings
            .eof_consumer(client_id, &[])
            .map_err(RuntimeError::kafka("a consumer cannot be created"))?;
        let mut list = TopicPartitionList::new();
        let start = if from_beginning {
            Offset::Beginning
        } else {
            Offset::End
        };
        for partition in 0..partitions {
            list.add_partition_offset(topic, number(partition), start)
                .map_err(RuntimeError::kafka("a partition cannot be assigned"))?;
        }
        consumer
            .assign(&list)
            .map_err(RuntimeError::kafka("the partitions cannot be assigned"))?;
        Ok(Self {
            consumer,
            topic: Arc::from(topic),
            partitions,
        })
    }

    /// The number of partitions.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// The next event. Waits while the broker is unreachable.
    ///
    /// # Errors
    /// Records were deleted before they were read, or an error that a retry cannot fix.
    pub async fn next(&self) -> Result<Event, RuntimeError> {
        loop {
            let error = match self.consumer.recv().await {
                Ok(message) => return Ok(Event::Record(self.record(&message))),
                Err(error) => error,
            };
            match error {
                KafkaError::PartitionEOF(partition) => {
                    return Ok(Event::AtEnd(u32::try_from(partition).unwrap_or(0)));
                }
                KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset) => {
                    return Err(RuntimeError::Deleted {
                        topic: self.topic.to_string(),
                    });
                }
                KafkaError::MessageConsumption(code) if is_transient(code) => {
                    tracing::warn!(topic = %self.topic, %code, "waiting for Kafka");
                }
                error => return Err(RuntimeError::kafka("reading from Kafka failed")(error)),
            }
        }
    }

    /// Pauses or resumes fetching a partition.
    pub(crate) fn pause(&self, partition: u32, pause: bool) -> Result<(), RuntimeError> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, number(partition));
        let done = if pause {
            self.consumer.pause(&list)
        } else {
            self.consumer.resume(&list)
        };
        done.map_err(RuntimeError::kafka("a partition cannot be paused"))
    }

    fn record(&self, message: &BorrowedMessage<'_>) -> Record {
        let headers: Vec<Header> = message.headers().map_or_else(Vec::new, |all| {
            let header = |header: rdkafka::message::Header<'_, &[u8]>| Header {
                key: header.key.to_owned(),
                value: header.value.map(<[u8]>::to_vec),
            };
            readable_headers(all).map(header).collect()
        });
        Record {
            topic: Arc::clone(&self.topic),
            partition: u32::try_from(message.partition()).unwrap_or(0),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            timestamp: message.timestamp().to_millis().unwrap_or(-1),
            headers: headers.into(),
        }
    }
}

fn number(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
