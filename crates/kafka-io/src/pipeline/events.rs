//! The consumer's callbacks: rebalances, lost brokers, statistics.
//!
//! The rebalance callback only passes the event on; the reading loop handles it.

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

use super::metrics::{PartitionLabel, PipelineMetrics};
use crate::client::log;

/// A change of this member's partitions. The reader must confirm it to the client.
#[derive(Debug)]
pub(super) enum Rebalance {
    Assigned(TopicPartitionList),
    Revoked(TopicPartitionList),
}

pub(super) struct ConsumerEvents {
    rebalances: Sender<Rebalance>,
    metrics: PipelineMetrics,
    disconnected: AtomicBool,
    /// The client's last error: the reason if no broker is reachable.
    last_error: Mutex<String>,
    closing: AtomicBool,
}

impl ConsumerEvents {
    pub(super) fn new(rebalances: Sender<Rebalance>, metrics: PipelineMetrics) -> Self {
        Self {
            rebalances,
            metrics,
            disconnected: AtomicBool::new(false),
            last_error: Mutex::default(),
            closing: AtomicBool::new(false),
        }
    }

    /// Whether no broker is reachable.
    pub(super) fn is_disconnected(&self) -> bool {
        self.disconnected.load(Ordering::Relaxed)
    }

    /// The reader has ended: the callback answers rebalances itself from now on.
    pub(super) fn close(&self) {
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
                "no Kafka broker is reachable; check --bootstrap-servers and the security properties"
            );
        } else {
            tracing::info!("Kafka is reachable again");
        }
    }
}

/// Answers an assignment while leaving the group.
pub(super) fn reject(consumer: &BaseConsumer<ConsumerEvents>) {
    if let Err(error) = consumer.incremental_assign(&TopicPartitionList::new()) {
        tracing::debug!(%error, "partitions assigned while closing");
    }
}

/// Answers a revocation while leaving the group.
pub(super) fn release(consumer: &BaseConsumer<ConsumerEvents>, partitions: &TopicPartitionList) {
    if let Err(error) = consumer.incremental_unassign(partitions) {
        tracing::debug!(%error, "partitions revoked while closing");
    }
}

impl ClientContext for ConsumerEvents {
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
                // -1: this member does not consume the partition, or no offset is known yet.
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

impl ConsumerContext for ConsumerEvents {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let assigned = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Relaxed) {
            if assigned {
                reject(consumer);
            } else {
                release(consumer, partitions);
            }
            return;
        }
        let partitions = partitions.clone();
        // The reader lives as long as the consumer.
        let _ = self.rebalances.send(if assigned {
            Rebalance::Assigned(partitions)
        } else {
            Rebalance::Revoked(partitions)
        });
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            // The next commit includes these offsets.
            tracing::debug!(%error, "commit failed");
        }
    }
}
