//! The consumer's callbacks: rebalances, lost brokers, statistics.
//!
//! The rebalance callback only passes the event on; the reading loop handles it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::Failure;
use super::metrics::{PartitionLabel, PipelineMetrics};
use crate::client::{KafkaSettings, RefusedConnection, log};

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
    /// Which request Kafka refuses, until it no longer does.
    refused_request: Mutex<Option<String>>,
    /// Why Kafka refuses connections, until one is up.
    refused_connection: RefusedConnection,
    settings: KafkaSettings,
    closing: AtomicBool,
}

impl ConsumerEvents {
    pub(super) fn new(
        settings: KafkaSettings,
        rebalances: Sender<Rebalance>,
        metrics: PipelineMetrics,
    ) -> Self {
        Self {
            refused_request: Mutex::default(),
            refused_connection: RefusedConnection::new(settings.clone()),
            settings,
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

    /// What Kafka refuses, if anything.
    pub(super) fn refusal(&self) -> Option<String> {
        let request = || self.refused_request.lock();
        let request = || request().unwrap_or_else(PoisonError::into_inner).clone();
        self.refused_connection.reason().or_else(request)
    }

    /// What Kafka refuses, if the error of a request for `operation` on `resource` says so.
    pub(super) fn refused(
        &self,
        code: RDKafkaErrorCode,
        operation: &str,
        resource: &str,
    ) -> Option<String> {
        self.settings.refusal(code, operation, resource)
    }

    /// The failure, or what Kafka does not allow.
    pub(super) fn explained(&self, failure: Failure) -> Failure {
        let Failure::Delivery { topic, error } = &failure else {
            return failure;
        };
        let code = error.rdkafka_error_code();
        let refusal =
            code.and_then(|code| self.refused(code, "Write", &format!("topic `{topic}`")));
        refusal.map_or(failure, Failure::Refused)
    }

    /// Which request Kafka refuses from now on; logged if it is new.
    pub(super) fn set_refused_request(&self, now: Option<String>) {
        let refusal = self.refused_request.lock();
        let mut refusal = refusal.unwrap_or_else(PoisonError::into_inner);
        if *refusal != now {
            if let Some(reason) = &now {
                tracing::warn!("{reason}");
            }
            *refusal = now;
        }
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
        if let Some(refusal) = self.refused_connection.note_log(facility, message) {
            tracing::warn!("{refusal}");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.set_disconnected(true);
        } else {
            tracing::debug!(%error, reason, "consumer");
            if let Some(refusal) = self.refused_connection.note_error(&error, reason) {
                tracing::warn!("{refusal}");
            }
            if let Ok(mut last) = self.last_error.lock() {
                reason.clone_into(&mut last);
            }
        }
    }

    fn stats(&self, statistics: Statistics) {
        if self.metrics.clients.update("consumer", &statistics) {
            self.set_disconnected(false);
            self.refused_connection.clear();
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
