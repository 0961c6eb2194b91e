//! A Kafka broker in this process: librdkafka's mock cluster.
//!
//! It speaks the Kafka protocol on loopback and keeps everything in memory. It is for demos, development
//! and tests only: it keeps at most 5 MiB or 100,000 batches per partition, answers no admin requests
//! and loses everything at exit.

use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::Context;
use futures::FutureExt;
use kafka_io::KafkaSettings;
use ksql_engine::kafka::{CreateTopic, NewTopic};
use rdkafka::mocking::MockCluster;
use tokio::sync::oneshot;

/// How long producers collect a batch, and how long the broker holds an empty fetch. It does not answer
/// earlier when a record arrives, and each fetch walks its list of batches from the start. So few fetches
/// and large batches take less of its thread's time: half a core at 1,000 records/s with 1 and 10 ms.
const PAUSE_MS: &str = "25";

/// A request to the thread that owns the cluster: a topic, and the channel for the result.
type Request = (NewTopic, oneshot::Sender<anyhow::Result<()>>);

/// The embedded broker; it ends when this value and all its topic creators are dropped.
#[derive(Debug)]
pub(super) struct EmbeddedBroker {
    bootstrap_servers: String,
    requests: mpsc::Sender<Request>,
}

impl EmbeddedBroker {
    /// Starts a broker with these topics of `partitions` partitions each.
    ///
    /// # Errors
    /// If librdkafka cannot start its cluster or create a topic.
    pub(super) async fn start(
        topics: impl IntoIterator<Item = String>,
        partitions: u32,
    ) -> anyhow::Result<Self> {
        let (requests, inbox) = mpsc::channel::<Request>();
        let (started, address) = oneshot::channel();
        // The handle of the cluster cannot be sent to another thread.
        thread::Builder::new()
            .name("embedded-broker".to_owned())
            .spawn(move || {
                let cluster = match MockCluster::new(1).context("cannot start the embedded broker")
                {
                    Ok(cluster) => cluster,
                    // The receiver may be gone.
                    Err(error) => return drop(started.send(Err(error))),
                };
                drop(started.send(Ok(cluster.bootstrap_servers())));
                for (topic, done) in inbox {
                    let made = i32::try_from(topic.partitions)
                        .map_err(anyhow::Error::new)
                        .and_then(|partitions| {
                            Ok(cluster.create_topic(&topic.name, partitions, 1)?)
                        });
                    drop(done.send(made.with_context(|| format!("topic {}", topic.name))));
                }
            })?;
        let broker = Self {
            bootstrap_servers: address
                .await
                .context("the embedded broker's thread ended")??,
            requests,
        };
        let create = broker.topic_creator();
        for name in topics {
            create(NewTopic { name, partitions }).await?;
        }
        Ok(broker)
    }

    /// How clients reach it.
    pub(super) fn settings(&self) -> KafkaSettings {
        KafkaSettings {
            consumer_properties: vec![("fetch.wait.max.ms", PAUSE_MS)],
            producer_properties: vec![("linger.ms", PAUSE_MS)],
            ..KafkaSettings::plain(self.bootstrap_servers.clone())
        }
    }

    /// Creates topics. Needed because this broker answers no admin requests.
    pub(super) fn topic_creator(&self) -> CreateTopic {
        let requests = self.requests.clone();
        Arc::new(move |topic| {
            let (done, made) = oneshot::channel();
            let sent = requests.send((topic, done));
            async move {
                sent.ok().context("the embedded broker has ended")?;
                made.await.context("the embedded broker has ended")?
            }
            .boxed()
        })
    }
}
