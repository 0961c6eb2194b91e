//! Executes statements: starts and stops queries on Kafka.

mod pipeline;
mod queries;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kafka_io::KafkaSettings;
use rdkafka::producer::FutureProducer;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::catalog::Catalog;
use crate::execute::Change;
use crate::formats::Format;
use crate::kafka::error::RuntimeError;
use crate::kafka::metrics::Metrics;
use crate::kafka::options::Options;
use crate::kafka::produce::producer;
use crate::kafka::query::Target;
use crate::kafka::topics::{self, ClusterClient, NewTopic};
use crate::plan::QueryPlan;
use crate::registry::{Effect, Executed, Registry};
use pipeline::Pipeline;
use queries::{Running, STOPPING};

/// A transient query. It runs until it is dropped.
#[derive(Debug)]
pub struct Listener {
    /// The query's id.
    pub id: String,
    /// The changes.
    pub changes: mpsc::Receiver<Change>,
    /// Why the query failed, if it did.
    pub failure: oneshot::Receiver<RuntimeError>,
    _stop: tokio_util::sync::DropGuard,
}

/// What the failure of a query stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnFailure {
    /// The runtime.
    End,
    /// Only the query.
    Report,
}

/// Queries on Kafka; clones share them.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

struct Inner {
    settings: KafkaSettings,
    options: Options,
    producer: FutureProducer,
    cluster: ClusterClient,
    registry: Mutex<Registry>,
    /// Held while a script executes: only one does at a time.
    executing: tokio::sync::Mutex<()>,
    running: Mutex<HashMap<String, Running>>,
    /// Why queries failed whose failure does not stop the runtime, by their ids.
    failed_queries: Mutex<HashMap<String, String>>,
    pipeline: Mutex<Pipeline>,
    tracker: TaskTracker,
    stop: CancellationToken,
    failures: mpsc::UnboundedSender<RuntimeError>,
    failed: tokio::sync::Mutex<mpsc::UnboundedReceiver<RuntimeError>>,
    listeners: std::sync::atomic::AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn add_topics(catalog: &mut Catalog, cluster: &ClusterClient) -> Result<(), RuntimeError> {
    for topic in cluster.topics().await? {
        let partitions = u32::try_from(topic.replicas.len()).unwrap_or(u32::MAX);
        catalog.add_topic(topic.name, partitions);
    }
    Ok(())
}

impl Runtime {
    /// Waits for the broker and connects, without starting a query.
    ///
    /// # Errors
    /// The broker does not answer in time, or the processing log cannot be created.
    pub async fn start(settings: KafkaSettings, options: Options) -> Result<Self, RuntimeError> {
        settings.wait_for_broker(options.patience).await?;
        let cluster = ClusterClient::new(&settings)?;
        let mut catalog = Catalog::new();
        add_topics(&mut catalog, &cluster).await?;
        if catalog.partitions(&options.processing_log).is_none() {
            let topic = NewTopic {
                name: options.processing_log.clone(),
                partitions: 1,
            };
            topics::create(&settings, options.create_topic.as_ref(), topic).await?;
            catalog.add_topic(options.processing_log.clone(), 1);
        }
        let (failures, failed) = mpsc::unbounded_channel();
        Ok(Self {
            inner: Arc::new(Inner {
                producer: producer(&settings, &options.client_id)?,
                cluster,
                settings,
                options,
                registry: Mutex::new(Registry::new(catalog)),
                executing: tokio::sync::Mutex::new(()),
                running: Mutex::default(),
                failed_queries: Mutex::default(),
                pipeline: Mutex::default(),
                tracker: TaskTracker::new(),
                stop: CancellationToken::new(),
                failures,
                failed: tokio::sync::Mutex::new(failed),
                listeners: std::sync::atomic::AtomicU64::new(0),
            }),
        })
    }

    /// The connection settings of the broker.
    pub fn settings(&self) -> &KafkaSettings {
        &self.inner.settings
    }

    /// The options of this runtime.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// The client for metadata of the cluster.
    pub fn cluster(&self) -> &ClusterClient {
        &self.inner.cluster
    }

    /// The counters of the queries.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.options.metrics
    }

    /// A copy of the registry: what is declared and running.
    pub fn registry(&self) -> Registry {
        lock(&self.inner.registry).clone()
    }

    /// Records that a topic was created for a statement, so that `DELETE TOPIC` may delete it.
    pub fn mark_created(&self, topic: &str) {
        lock(&self.inner.registry).mark_created(topic);
    }

    /// Executes one of the program's own scripts. All statements are checked before any takes effect. If
    /// one of its queries fails, the runtime stops.
    ///
    /// # Errors
    /// The first refused statement, or a topic or Kafka client that cannot be created.
    pub async fn execute(&self, text: &str) -> Result<Vec<Executed>, RuntimeError> {
        self.execute_as(text, OnFailure::End).await
    }

    /// Executes statements of a client. If one of their queries fails, only that query stops, and
    /// [`failed_queries`](Self::failed_queries) has the reason.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn execute_isolated(&self, text: &str) -> Result<Vec<Executed>, RuntimeError> {
        self.execute_as(text, OnFailure::Report).await
    }

    /// Why queries of [clients](Self::execute_isolated) failed, by their ids.
    pub fn failed_queries(&self) -> HashMap<String, String> {
        lock(&self.inner.failed_queries).clone()
    }

    /// Topics whose query, started by the program's own scripts, was terminated or dropped without a
    /// replacement. Sorted by name.
    pub fn abandoned(&self) -> Vec<String> {
        lock(&self.inner.pipeline).abandoned()
    }

    async fn execute_as(
        &self,
        text: &str,
        on_failure: OnFailure,
    ) -> Result<Vec<Executed>, RuntimeError> {
        let _guard = self.inner.executing.lock().await;
        let mut registry = self.registry();
        // Include topics that other programs created.
        add_topics(registry.catalog_mut(), &self.inner.cluster).await?;
        let executed = registry.execute(text)?;
        let effects = || executed.iter().flat_map(|statement| &statement.effects);
        // First do everything that can fail, so that a failing script neither starts nor stops a query.
        let mut prepared = VecDeque::new();
        for effect in effects() {
            match effect {
                Effect::CreateTopic { topic, partitions } => {
                    let topic = NewTopic {
                        name: topic.clone(),
                        partitions: *partitions,
                    };
                    let hook = self.inner.options.create_topic.as_ref();
                    topics::create(&self.inner.settings, hook, topic).await?;
                }
                Effect::Start(query) => prepared.push_back(self.prepare(query)?),
                _ => {}
            }
        }
        for effect in effects() {
            match effect {
                Effect::Start(query) => {
                    if let Some(query_loop) = prepared.pop_front() {
                        self.start_query(&query.id, query_loop, on_failure);
                    }
                }
                Effect::Stop(query) => self.stop_query(query).await,
                _ => {}
            }
        }
        *lock(&self.inner.registry) = registry;
        lock(&self.inner.pipeline).record(effects(), on_failure == OnFailure::End);
        Ok(executed)
    }

    /// Starts a transient query.
    ///
    /// # Errors
    /// The query's Kafka clients cannot be created.
    pub fn listen(
        &self,
        plan: &Arc<QueryPlan>,
        from_beginning: bool,
    ) -> Result<Listener, RuntimeError> {
        let number = self
            .inner
            .listeners
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = plan
            .sources()
            .next()
            .map_or("", |source| source.name.as_str());
        let id = format!("transient_{name}_{number}");
        let partitions = {
            let registry = lock(&self.inner.registry);
            let topics = plan.source_topics();
            let counts = topics.filter_map(|topic| registry.catalog().partitions(topic));
            counts.max().unwrap_or(1)
        };
        let key_format = plan
            .sources()
            .next()
            .map_or(Format::Json, |source| source.key_format);
        let (changes, receiver) = mpsc::channel(1_000);
        let target = Target::Listener(changes);
        let query_loop =
            self.query_loop(&id, plan, key_format, partitions, from_beginning, target)?;
        let stop = self.inner.stop.child_token();
        let (report, failure) = oneshot::channel();
        // A failure is reported only to the client.
        drop(self.spawn(query_loop, stop.clone(), |error| drop(report.send(error))));
        Ok(Listener {
            id,
            changes: receiver,
            failure,
            _stop: stop.drop_guard(),
        })
    }

    /// Runs the queries until `shutdown`, or until a query of the program's own scripts fails.
    ///
    /// # Errors
    /// The error of the first query that fails.
    pub async fn run(&self, shutdown: CancellationToken) -> Result<(), RuntimeError> {
        let mut failed = self.inner.failed.lock().await;
        let first = tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            Some(error) = failed.recv() => Err(error),
        };
        self.inner.stop.cancel();
        self.inner.tracker.close();
        let ended = tokio::time::timeout(STOPPING, self.inner.tracker.wait()).await;
        match (first, failed.try_recv()) {
            (Ok(()), Ok(error)) => Err(error),
            (Ok(()), Err(_)) if ended.is_err() => Err(RuntimeError::Interrupted),
            (first, _) => first,
        }
    }
}
