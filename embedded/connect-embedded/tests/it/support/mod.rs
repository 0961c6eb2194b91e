//! Shared test set-up: a cluster, a server, a store, and connector files.

mod broker;
mod server;
mod store;

use std::sync::Arc;

use connect_embedded::{ConnectorSource, Connectors, DocumentStore, Stats};
use kafka_io::KafkaSettings;
use serde_json::{Value, json};
use test_support::within;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use broker::Broker;
#[cfg(feature = "real-connect")]
pub(crate) use server::Request;
pub(crate) use server::Server;
pub(crate) use store::{Documents, Fail};

/// A connector file with these options and a filter for tombstones.
pub(crate) fn file(name: &str, options: Value) -> ConnectorSource {
    let mut config = json!({
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "transforms": "drop",
        "transforms.drop.type": "org.apache.kafka.connect.transforms.Filter",
        "transforms.drop.predicate": "tombstone",
        "predicates": "tombstone",
        "predicates.tombstone.type": "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
    });
    for (option, value) in options.as_object().expect("options") {
        match value {
            Value::Null => config.as_object_mut().expect("options").remove(option),
            _ => config
                .as_object_mut()
                .expect("options")
                .insert(option.clone(), value.clone()),
        };
    }
    ConnectorSource {
        origin: format!("{name}.json"),
        text: json!({"name": name, "config": config}).to_string(),
    }
}

/// Connectors that run in the background until this is dropped.
pub(crate) struct Running {
    pub(crate) stats: Stats,
    shutdown: CancellationToken,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// Creates missing topics, starts, and waits until the partitions are assigned.
    pub(crate) async fn start(
        broker: &Broker,
        connectors: Connectors,
        store: Arc<dyn DocumentStore>,
    ) -> Self {
        Self::start_with(broker, connectors, store, broker.settings()).await
    }

    pub(crate) async fn start_with(
        broker: &Broker,
        connectors: Connectors,
        store: Arc<dyn DocumentStore>,
        settings: KafkaSettings,
    ) -> Self {
        for topic in connectors.topics() {
            broker.create(&topic);
        }
        let (stats, shutdown) = (connectors.stats(), CancellationToken::new());
        let ended = tokio::spawn(connectors.run(settings, store, shutdown.clone()));
        within("the assignment", stats.ready()).await;
        Self {
            stats,
            shutdown,
            ended,
        }
    }

    /// The error that stopped the connectors, with its causes.
    pub(crate) async fn failure(mut self) -> String {
        let ended = within("the connectors' end", &mut self.ended).await;
        let error = ended.expect("no panic").expect_err("stopped by itself");
        format!("{error:#}")
    }

    /// Stops the connectors.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        let ended = within("the connectors' end", &mut self.ended).await;
        ended.expect("no panic").expect("a clean shutdown");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
