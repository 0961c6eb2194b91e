//! Statements start and stop queries on Kafka.

use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use kafka_io::KafkaSettings;
use rdkafka::consumer::BaseConsumer;
use rdkafka::producer::FutureProducer;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::catalog::Catalog;
use crate::execute::{Change, SinkWriter, Task};
use crate::formats::Format;
use crate::kafka::consume::Reader;
use crate::kafka::error::RuntimeError;
use crate::kafka::options::Options;
use crate::kafka::produce::{Deliveries, FLUSH, producer};
use crate::kafka::query::{QueryLoop, Question, Target};
use crate::kafka::topics::{self, NewTopic};
use crate::plan::QueryPlan;
use crate::registry::{Effect, Executed, RegisteredQuery, Registry};

/// How long a query may take to stop: what it has written is delivered first.
const STOPPING: Duration = FLUSH.saturating_add(Duration::from_secs(5));

/// A transient query: its changes come until it is dropped.
#[derive(Debug)]
pub struct Listener {
    /// The query's id.
    pub id: String,
    /// The changes.
    pub changes: mpsc::Receiver<Change>,
    /// Why they ended early, if they did.
    pub failure: oneshot::Receiver<RuntimeError>,
    _stop: tokio_util::sync::DropGuard,
}

/// What a query's failure ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnFailure {
    /// The runtime.
    End,
    /// The query.
    Tell,
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
    /// Asks for topics.
    asking: Arc<BaseConsumer>,
    registry: Mutex<Registry>,
    /// One script at a time.
    executing: tokio::sync::Mutex<()>,
    running: Mutex<HashMap<String, Running>>,
    /// Why queries stopped whose end ends nothing else.
    broken: Mutex<HashMap<String, String>>,
    /// What the program's own scripts fill: sinks' topics.
    pipeline: Mutex<BTreeSet<String>>,
    tracker: TaskTracker,
    stop: CancellationToken,
    failures: mpsc::UnboundedSender<RuntimeError>,
    failed: tokio::sync::Mutex<mpsc::UnboundedReceiver<RuntimeError>>,
    listeners: std::sync::atomic::AtomicU64,
}

/// A persistent query.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
    questions: mpsc::Sender<Question>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn add_topics(catalog: &mut Catalog, asking: &Arc<BaseConsumer>) -> Result<(), RuntimeError> {
    for topic in topics::list(asking).await? {
        let partitions = u32::try_from(topic.replicas.len()).unwrap_or(u32::MAX);
        catalog.add_topic(topic.name, partitions);
    }
    Ok(())
}

impl Runtime {
    /// Connects; nothing runs yet.
    ///
    /// # Errors
    /// Where the broker does not answer or the processing log cannot be made.
    pub async fn start(settings: KafkaSettings, options: Options) -> Result<Self, RuntimeError> {
        topics::reach(&settings).await?;
        let asking = topics::asking(&settings)?;
        let mut catalog = Catalog::new();
        add_topics(&mut catalog, &asking).await?;
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
                asking,
                settings,
                options,
                registry: Mutex::new(Registry::new(catalog)),
                executing: tokio::sync::Mutex::new(()),
                running: Mutex::default(),
                broken: Mutex::default(),
                pipeline: Mutex::default(),
                tracker: TaskTracker::new(),
                stop: CancellationToken::new(),
                failures,
                failed: tokio::sync::Mutex::new(failed),
                listeners: std::sync::atomic::AtomicU64::new(0),
            }),
        })
    }

    /// What is declared and running now.
    pub fn registry(&self) -> Registry {
        lock(&self.inner.registry).clone()
    }

    /// Executes a script. All of it is checked before any of it takes effect. A query of it that
    /// cannot go on ends the runtime.
    ///
    /// # Errors
    /// The first statement that is refused; a topic or client that cannot be made.
    pub async fn execute(&self, text: &str) -> Result<Vec<Executed>, RuntimeError> {
        self.execute_as(text, OnFailure::End).await
    }

    /// The same for statements that somebody sends to a running system: a query that cannot go on
    /// stops alone, and [`broken`](Self::broken) tells why.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn execute_apart(&self, text: &str) -> Result<Vec<Executed>, RuntimeError> {
        self.execute_as(text, OnFailure::Tell).await
    }

    /// Why queries stopped that were started [apart](Self::execute_apart), by their ids.
    pub fn broken(&self) -> HashMap<String, String> {
        lock(&self.inner.broken).clone()
    }

    /// Topics that the program's own scripts fill, and that no query writes any more: it was
    /// terminated, or its stream or table was dropped.
    pub fn abandoned(&self) -> Vec<String> {
        let registry = self.registry();
        let written = |topic: &&String| {
            let mut queries = registry.queries().iter();
            !queries.any(|query| query.sink.topic == **topic)
        };
        let pipeline = lock(&self.inner.pipeline);
        pipeline.iter().filter(written).cloned().collect()
    }

    async fn execute_as(
        &self,
        text: &str,
        on_failure: OnFailure,
    ) -> Result<Vec<Executed>, RuntimeError> {
        let _one = self.inner.executing.lock().await;
        let mut registry = self.registry();
        // Topics that were made since are known too.
        add_topics(registry.catalog_mut(), &self.inner.asking).await?;
        let executed = registry.execute(text)?;
        let effects = || executed.iter().flat_map(|statement| &statement.effects);
        for effect in effects() {
            if let Err(error) = self.act(effect, on_failure).await {
                // Nothing of a script that failed keeps running.
                for effect in effects() {
                    if let Effect::Start(query) = effect {
                        self.stop_query(query).await;
                    }
                }
                return Err(error);
            }
        }
        *lock(&self.inner.registry) = registry;
        Ok(executed)
    }

    async fn act(&self, effect: &Effect, on_failure: OnFailure) -> Result<(), RuntimeError> {
        let inner = &self.inner;
        match effect {
            Effect::CreateTopic { topic, partitions } => {
                let topic = NewTopic {
                    name: topic.clone(),
                    partitions: *partitions,
                };
                topics::create(&inner.settings, inner.options.create_topic.as_ref(), topic).await
            }
            Effect::Start(query) => self.start_query(query, on_failure),
            Effect::Stop(query) => {
                self.stop_query(query).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn start_query(
        &self,
        query: &Arc<RegisteredQuery>,
        on_failure: OnFailure,
    ) -> Result<(), RuntimeError> {
        let writer = SinkWriter::new(&query.plan, &query.sink);
        let mut query_loop = self.query_loop(
            &query.id,
            &query.plan,
            query.sink.key_format,
            query.input_partitions,
            query.from_beginning,
            Target::Topic(writer, query.sink_partitions),
        )?;
        if on_failure == OnFailure::End {
            lock(&self.inner.pipeline).insert(query.sink.topic.clone());
        }
        self.inner.options.metrics.set_running(&query.id, true);
        let stop = self.inner.stop.child_token();
        let questions;
        (questions, query_loop.questions) = mpsc::channel(1);
        let (inner, id, stopped) = (Arc::clone(&self.inner), query.id.clone(), stop.clone());
        let task = self.spawn(query_loop, stop.clone(), move |error| {
            inner.options.metrics.set_running(&id, false);
            match on_failure {
                // A query that was told to stop ends nothing else; the log has its error.
                _ if stopped.is_cancelled() && !inner.stop.is_cancelled() => {}
                // Nobody is there to hear it only when the runtime is gone.
                OnFailure::End => drop(inner.failures.send(error)),
                OnFailure::Tell => drop(lock(&inner.broken).insert(id, error.to_string())),
            }
        });
        let running = Running {
            stop,
            task,
            questions,
        };
        lock(&self.inner.running).insert(query.id.clone(), running);
        Ok(())
    }

    /// Returns when the query writes nothing any more, or after [`STOPPING`].
    async fn stop_query(&self, query: &RegisteredQuery) {
        let running = lock(&self.inner.running).remove(&query.id);
        if let Some(running) = running {
            running.stop.cancel();
            if tokio::time::timeout(STOPPING, running.task).await.is_err() {
                tracing::error!(query = query.id, "the query has not stopped in time");
            }
            tracing::warn!(
                query = query.id,
                topic = query.sink.topic,
                "the query was ended: it writes no more"
            );
        }
        self.inner.options.metrics.set_running(&query.id, false);
        lock(&self.inner.broken).remove(&query.id);
    }

    fn query_loop(
        &self,
        id: &str,
        plan: &Arc<QueryPlan>,
        key_format: Format,
        partitions: u32,
        from_beginning: bool,
        target: Target,
    ) -> Result<QueryLoop, RuntimeError> {
        let inner = &self.inner;
        let client_id = format!("{}-{id}", inner.options.client_id);
        let readers: Result<Vec<Reader>, RuntimeError> = plan
            .source_topics()
            .map(|topic| {
                Reader::new(
                    &inner.settings,
                    &client_id,
                    topic,
                    partitions,
                    from_beginning,
                )
            })
            .collect();
        Ok(QueryLoop {
            id: id.to_owned(),
            readers: readers?,
            task: Task::new(Arc::clone(plan), key_format, partitions),
            deliveries: Deliveries::new(inner.producer.clone()),
            processing_log: Arc::from(inner.options.processing_log.as_str()),
            // A label is a bounded name; listeners come and go.
            metrics: match &target {
                Target::Topic(..) => inner.options.metrics.of(id),
                Target::Listener(_) => inner.options.metrics.of("transient"),
            },
            target,
            questions: mpsc::channel(1).1,
        })
    }

    fn spawn(
        &self,
        query_loop: QueryLoop,
        stop: CancellationToken,
        report: impl FnOnce(RuntimeError) + Send + 'static,
    ) -> JoinHandle<()> {
        let id = query_loop.id.clone();
        tracing::info!(query = id, "running");
        self.inner.tracker.spawn(async move {
            let run = AssertUnwindSafe(query_loop.run(stop)).catch_unwind().await;
            // A query that panics must not leave a process that looks healthy behind.
            let ended = run.unwrap_or_else(|_| Err(RuntimeError::Panicked { query: id.clone() }));
            if let Err(error) = ended {
                tracing::error!(query = id, %error, "the query stops");
                report(error);
            }
        })
    }

    /// What `question` finds in a running query's state, between two records; none where the query
    /// does not run any more.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        id: &str,
        question: impl FnOnce(&Task) -> T + Send + 'static,
    ) -> Option<T> {
        let questions = lock(&self.inner.running).get(id)?.questions.clone();
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |task| drop(answer.send(question(task))));
        questions.send(question).await.ok()?;
        answered.await.ok()
    }

    /// Starts a transient query.
    ///
    /// # Errors
    /// Where its clients cannot be made.
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
        let registry = self.registry();
        let partitions = plan
            .source_topics()
            .filter_map(|topic| registry.catalog().partitions(topic))
            .max()
            .unwrap_or(1);
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
        // Only its listener has to know; the other queries go on.
        drop(self.spawn(query_loop, stop.clone(), |error| drop(report.send(error))));
        Ok(Listener {
            id,
            changes: receiver,
            failure,
            _stop: stop.drop_guard(),
        })
    }

    /// Keeps the queries running until `shutdown`, or until one cannot go on.
    ///
    /// # Errors
    /// The first query's error.
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
