//! What the consumer tells besides records: rebalances, lost brokers, statistics.
//!
//! A rebalance is not handled inside librdkafka's callback but passed to the reading loop, which
//! treats it like any other event.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use crate::client_log::log;
use crate::metrics::{PartitionLabel, PipelineMetrics};

/// A change of this member's partitions, which the loop must confirm to the client.
#[derive(Debug)]
pub(crate) enum Rebalance {
    Assigned(TopicPartitionList),
    Revoked(TopicPartitionList),
}

pub(crate) struct Events {
    rebalances: Sender<Rebalance>,
    metrics: PipelineMetrics,
    disconnected: AtomicBool,
    /// What the client last complained about: why brokers cannot be reached, where none can.
    last_error: Mutex<String>,
    closing: AtomicBool,
}

impl Events {
    pub(crate) fn new(rebalances: Sender<Rebalance>, metrics: PipelineMetrics) -> Self {
        Self {
            rebalances,
            metrics,
            disconnected: AtomicBool::new(false),
            last_error: Mutex::default(),
            closing: AtomicBool::new(false),
        }
    }

    /// Whether no broker can be reached.
    pub(crate) fn is_disconnected(&self) -> bool {
        self.disconnected.load(Ordering::Relaxed)
    }

    /// From now on the loop no longer runs: partitions are given up at once.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn set_disconnected(&self, now: bool) {
        if self.disconnected.swap(now, Ordering::Relaxed) == now {
            return;
        }
        if now {
            let reason = self.last_error.lock().map(|reason| reason.clone());
            tracing::warn!(
                reason = reason.unwrap_or_default(),
                "no broker of Kafka can be reached: waiting (check --bootstrap-servers and the security properties)"
            );
        } else {
            tracing::info!("Kafka can be reached again");
        }
    }
}

/// Answers an assignment by a member that is about to leave.
pub(crate) fn take_none(consumer: &BaseConsumer<Events>) {
    if let Err(error) = consumer.incremental_assign(&TopicPartitionList::new()) {
        tracing::debug!(%error, "partitions assigned while closing");
    }
}

/// Answers a revocation by a member that is about to leave.
pub(crate) fn give_up(consumer: &BaseConsumer<Events>, partitions: &TopicPartitionList) {
    if let Err(error) = consumer.incremental_unassign(partitions) {
        tracing::debug!(%error, "partitions revoked while closing");
    }
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.set_disconnected(true);
        } else {
            tracing::debug!(%error, reason, "consumer");
            if let Ok(mut last) = self.last_error.lock() {
                reason.clone_into(&mut last);
            }
        }
    }

    fn stats(&self, statistics: Statistics) {
        if self.metrics.clients.update("consumer", &statistics) {
            self.set_disconnected(false);
        }
        for (topic, detail) in &statistics.topics {
            for (partition, detail) in &detail.partitions {
                let label = PartitionLabel {
                    topic: topic.clone(),
                    partition: *partition,
                };
                // -1: this member does not consume the partition, or knows no offset yet.
                if *partition >= 0 && detail.desired && detail.consumer_lag_stored >= 0 {
                    let lag = self.metrics.lag.get_or_create(&label);
                    lag.set(detail.consumer_lag_stored);
                } else {
                    self.metrics.lag.remove(&label);
                }
            }
        }
    }
}

impl ConsumerContext for Events {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let assigned = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Relaxed) {
            if assigned {
                take_none(consumer);
            } else {
                give_up(consumer, partitions);
            }
            return;
        }
        let partitions = partitions.clone();
        // The loop lives as long as the consumer.
        let _ = self.rebalances.send(if assigned {
            Rebalance::Assigned(partitions)
        } else {
            Rebalance::Revoked(partitions)
        });
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            // The offsets stay stored and the next commit takes them along; of lost brokers and
            // lost partitions the log tells elsewhere.
            tracing::debug!(%error, "offsets not committed; trying again");
        }
    }
}
