//! Writes results to the output topic and dead letters to theirs, in order.
//!
//! A result has its source record's key, timestamp and headers, these additional headers (numbers as
//! text), and those of the step. After several pipelines, the last header of a name counts.
//!
//! | header | content |
//! |---|---|
//! | `source.topic` | the topic of the source record |
//! | `source.partition` | its partition |
//! | `source.offset` | its offset |

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ThreadedProducer};

use super::batch::Batch;
use super::receipt::{Counts, Deliveries, Failure, Receipt};
use super::{Decision, Emission};
use crate::client::Record;
use crate::dead_letter::{DeadLetter, Reason, topic_of};

/// Header of a result: the topic of its source record.
pub const SOURCE_TOPIC: &str = "source.topic";
/// Header of a result: the partition of its source record.
pub const SOURCE_PARTITION: &str = "source.partition";
/// Header of a result: the offset of its source record.
pub const SOURCE_OFFSET: &str = "source.offset";

pub(super) struct Writer {
    pub(super) producer: ThreadedProducer<Deliveries>,
    pub(super) output_topic: String,
}

type Message<'a> = BaseRecord<'a, [u8], [u8], Arc<Receipt>>;

impl Writer {
    /// Passes the batch's messages to the producer in order. `receipt` reports when all of them are
    /// acknowledged.
    pub(super) async fn write(&self, batch: &Batch, decisions: &[Decision], receipt: Arc<Receipt>) {
        let mut counts = Counts::default();
        let mut first_bad = None;
        for (record, decision) in batch.records().zip(decisions) {
            let sent = match decision {
                Decision::Emit(emission) => self.emit(&record, emission, &receipt).await,
                Decision::DeadLetter(reason) => self.dead_letter(&record, reason, &receipt).await,
                Decision::Skip => Ok(Sent::Nothing),
                Decision::Retry(why) => Err(Failure::Step(format!(
                    "a record without a final decision: {}",
                    why.reason
                ))),
            };
            match sent {
                Ok(Sent::Result) => counts.emitted += 1,
                Ok(Sent::DeadLetter(reason)) => {
                    counts.dead_lettered += 1;
                    first_bad.get_or_insert((record.offset, reason));
                }
                Ok(Sent::Nothing) => counts.skipped += 1,
                Err(failure) => return receipt.failed(failure),
            }
        }
        if let Some((offset, reason)) = first_bad {
            tracing::warn!(
                topic = batch.records().next().map(|record| record.topic),
                partition = batch.partition(),
                offset,
                reason,
                records = counts.dead_lettered,
                "records are dead-lettered; this is the first of them"
            );
        }
        receipt.written(counts);
    }

    async fn emit(
        &self,
        record: &Record<'_>,
        emission: &Emission,
        receipt: &Arc<Receipt>,
    ) -> Result<Sent, Failure> {
        let message = BaseRecord {
            topic: &self.output_topic,
            partition: None,
            payload: Some(&*emission.value),
            key: record.key,
            timestamp: record.timestamp,
            headers: Some(result_headers(record, emission)),
            delivery_opaque: Arc::clone(receipt),
        };
        let sent = self.send(message).await;
        if is_too_large(&sent) {
            let reason = Reason::new(format!(
                "the result of {} bytes exceeds the producer's message.max.bytes",
                emission.value.len()
            ));
            return self.dead_letter(record, &reason, receipt).await;
        }
        match sent {
            Ok(()) => Ok(Sent::Result),
            Err(error) => Err(Failure::Delivery {
                topic: self.output_topic.clone(),
                error,
            }),
        }
    }

    async fn dead_letter(
        &self,
        record: &Record<'_>,
        reason: &Reason,
        receipt: &Arc<Receipt>,
    ) -> Result<Sent, Failure> {
        let dead_letter = DeadLetter::new(record, reason);
        let mut sent = self
            .send(dead_letter.as_base_record(Arc::clone(receipt)))
            .await;
        if is_too_large(&sent) {
            let dead_letter = DeadLetter::without_record(record, reason);
            sent = self
                .send(dead_letter.as_base_record(Arc::clone(receipt)))
                .await;
        }
        match sent {
            Ok(()) => Ok(Sent::DeadLetter(reason.text.clone())),
            Err(error) => Err(Failure::Delivery {
                topic: topic_of(record.topic),
                error,
            }),
        }
    }

    /// Enqueues one message; waits while the producer's queue is full.
    async fn send(&self, mut message: Message<'_>) -> Result<(), KafkaError> {
        loop {
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    message = back;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }
}

/// Whether the client rejected a message because of its size, headers included.
fn is_too_large(sent: &Result<(), KafkaError>) -> bool {
    let error = sent.as_ref().err();
    error.and_then(KafkaError::rdkafka_error_code) == Some(RDKafkaErrorCode::MessageSizeTooLarge)
}

enum Sent {
    Result,
    DeadLetter(String),
    Nothing,
}

/// The headers of the source record, its origin, and the step's own headers.
fn result_headers(record: &Record<'_>, emission: &Emission) -> OwnedHeaders {
    let add = |headers: OwnedHeaders, name: &str, text: &str| {
        headers.insert(Header {
            key: name,
            value: Some(text),
        })
    };
    let headers = add(record.headers(), SOURCE_TOPIC, record.topic);
    let headers = add(headers, SOURCE_PARTITION, &record.partition.to_string());
    let headers = add(headers, SOURCE_OFFSET, &record.offset.to_string());
    let own = emission.headers.iter();
    own.fold(headers, |headers, (name, text)| add(headers, name, text))
}
