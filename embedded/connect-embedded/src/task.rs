//! A running connector: reads its topics in order and passes each record to the sink.

use std::sync::Arc;

use anyhow::bail;
use kafka_io::KafkaSettings;
use rdkafka::Message;
use rdkafka::consumer::StreamConsumer;
use rdkafka::message::BorrowedMessage;

use crate::DocumentStore;
use crate::connector::Connector;
use crate::dead_letter::DeadLetters;
use crate::failure::{Failure, Stage};
use crate::partitions;
use crate::sink::Sink;
use crate::stats::{Outcome, Stats};

/// One connector with its clients.
pub(crate) struct Task {
    connector: Connector,
    consumer: Arc<StreamConsumer>,
    sink: Box<dyn Sink>,
    dead_letters: Option<DeadLetters>,
    stats: Stats,
}

impl Task {
    /// Creates the clients without reading anything yet.
    pub(crate) fn new(
        connector: Connector,
        kafka: &KafkaSettings,
        store: Arc<dyn DocumentStore>,
        stats: Stats,
    ) -> anyhow::Result<Self> {
        // The name that a Connect worker gives the consumer group of a sink.
        let client_id = format!("connect-{}", connector.name);
        let consumer = Arc::new(kafka.assigning_consumer(&client_id).create()?);
        let dead_letters = match connector.tolerance.dead_letters.clone() {
            Some(topic) => Some(DeadLetters::new(
                kafka.producer(&client_id).create()?,
                topic,
                connector.name.clone(),
                connector.converter.class(),
            )),
            None => None,
        };
        let sink = connector.sink.open(&connector.name, store)?;
        Ok(Self {
            connector,
            consumer,
            sink,
            dead_letters,
            stats,
        })
    }

    /// Reads and delivers until a record stops the connector. The future can be dropped at any time: the
    /// current records then count as not delivered.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let name = &self.connector.name;
        if !self.connector.without_effect.is_empty() {
            let options = self.connector.without_effect.join(", ");
            tracing::info!(
                connector = name,
                options,
                "these options have no effect here"
            );
        }
        let partitions = partitions::assign_all(&self.consumer, &self.connector.topics).await?;
        tracing::info!(connector = name, partitions, "running");
        self.stats.mark_ready();
        loop {
            let records = partitions::next_batch(&self.consumer, self.sink.batch_size()).await?;
            let deliveries = self.deliver(&records).await;
            for (record, delivery) in records.iter().zip(deliveries) {
                let outcome = match delivery {
                    Ok(outcome) => outcome,
                    Err((stage, failure)) => self.failed(record, stage, &failure).await?,
                };
                self.stats.add(name, outcome);
            }
        }
    }

    /// Delivers a batch; returns an outcome for each record. If a failure stops the connector, the records
    /// after the first one that cannot be converted are not delivered.
    async fn deliver(
        &self,
        records: &[BorrowedMessage<'_>],
    ) -> Vec<Result<Outcome, (Stage, Failure)>> {
        let mut outcomes = Vec::new();
        let mut batch = Vec::new();
        for record in records {
            match self.connector.converter.convert(record.payload()) {
                Ok(value) if self.connector.filters.keep(&value) => {
                    outcomes.push(None);
                    batch.push((record, value));
                }
                Ok(_) => outcomes.push(Some(Ok(Outcome::Filtered))),
                Err(failure) => {
                    outcomes.push(Some(Err((Stage::ValueConverter, failure))));
                    if !self.connector.tolerance.all {
                        break;
                    }
                }
            }
        }
        let mut delivered = self.sink.put(batch).await.into_iter();
        let outcomes = outcomes.into_iter().map_while(|known| {
            let of_sink = || {
                Some(
                    delivered
                        .next()?
                        .map_err(|failure| (Stage::TaskPut, failure)),
                )
            };
            known.or_else(of_sink)
        });
        outcomes.collect()
    }

    async fn failed(
        &self,
        record: &BorrowedMessage<'_>,
        stage: Stage,
        failure: &Failure,
    ) -> anyhow::Result<Outcome> {
        let tolerance = &self.connector.tolerance;
        let position = format!(
            "{}/{}@{}",
            record.topic(),
            record.partition(),
            record.offset()
        );
        if failure.fatal || !tolerance.all {
            bail!(
                "the record {position} cannot be delivered: {}",
                failure.message
            );
        }
        if tolerance.log {
            let position = if tolerance.log_coordinates {
                &position
            } else {
                "a record"
            };
            tracing::error!(
                connector = self.connector.name,
                record = position,
                stage = stage.name(),
                reason = failure.message,
                "a record was not delivered"
            );
        }
        match &self.dead_letters {
            Some(dead_letters) => {
                dead_letters.write(record, stage, failure).await?;
                Ok(Outcome::DeadLettered)
            }
            None => Ok(Outcome::Dropped),
        }
    }
}
