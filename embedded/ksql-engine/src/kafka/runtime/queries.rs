//! Starts and stops persistent queries, and reads their state.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::execute::{SinkWriter, Task};
use crate::formats::Format;
use crate::kafka::consume::Reader;
use crate::kafka::error::RuntimeError;
use crate::kafka::problem_log::ProblemLog;
use crate::kafka::produce::{Deliveries, FLUSH};
use crate::kafka::query::{QueryLoop, StateRead, Target};
use crate::kafka::runtime::{OnFailure, Runtime, lock};
use crate::plan::QueryPlan;
use crate::registry::RegisteredQuery;

/// How long a query may take to stop, deliveries included.
pub(super) const STOPPING: Duration = FLUSH.saturating_add(Duration::from_secs(5));

/// A persistent query.
pub(super) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
    state_reads: mpsc::Sender<StateRead>,
}

impl Runtime {
    /// Creates the clients of a query without starting it.
    pub(super) fn prepare(&self, query: &RegisteredQuery) -> Result<QueryLoop, RuntimeError> {
        self.query_loop(
            &query.id,
            &query.plan,
            query.sink.key_format,
            query.input_partitions,
            query.from_beginning,
            Target::Topic(
                SinkWriter::new(&query.plan, &query.sink),
                query.sink_partitions,
            ),
        )
    }

    pub(super) fn start_query(&self, id: &str, mut query_loop: QueryLoop, on_failure: OnFailure) {
        self.inner.options.metrics.set_running(id, true);
        let stop = self.inner.stop.child_token();
        let state_reads;
        (state_reads, query_loop.state_reads) = mpsc::channel(1);
        let (inner, failed, stopped) = (Arc::clone(&self.inner), id.to_owned(), stop.clone());
        let task = self.spawn(query_loop, stop.clone(), move |error| {
            // The failure of a query that is being stopped is only logged.
            if stopped.is_cancelled() && !inner.stop.is_cancelled() {
                return;
            }
            inner.options.metrics.set_running(&failed, false);
            match on_failure {
                // Sending fails only if the runtime is gone.
                OnFailure::End => drop(inner.failures.send(error)),
                OnFailure::Report => {
                    drop(lock(&inner.failed_queries).insert(failed, error.to_string()));
                }
            }
        });
        let running = Running {
            stop,
            task,
            state_reads,
        };
        lock(&self.inner.running).insert(id.to_owned(), running);
    }

    /// Stops a query and removes its metrics and error. Returns when it has stopped writing, or after
    /// [`STOPPING`].
    pub(super) async fn stop_query(&self, query: &RegisteredQuery) {
        let (id, topic) = (&query.id, &query.sink.topic);
        let running = lock(&self.inner.running).remove(id);
        if let Some(running) = running {
            running.stop.cancel();
            match tokio::time::timeout(STOPPING, running.task).await {
                Ok(_) => {
                    tracing::warn!(query = id, topic, "the query was stopped")
                }
                Err(_) => tracing::error!(
                    query = id,
                    topic,
                    "the query did not stop within {} s: it may still write",
                    STOPPING.as_secs()
                ),
            }
        }
        self.inner.options.metrics.forget(id);
        lock(&self.inner.failed_queries).remove(id);
    }

    pub(super) fn query_loop(
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
            // Transient queries share one label, to bound the number of labels.
            metrics: match &target {
                Target::Topic(..) => inner.options.metrics.of(id),
                Target::Listener(_) => inner.options.metrics.of("transient"),
            },
            max_task_idle: inner.options.max_task_idle.clone(),
            disorder: match &target {
                Target::Topic(..) => inner.options.disorder,
                Target::Listener(_) => None,
            },
            target,
            problems: ProblemLog::of(id),
            state_reads: mpsc::channel(1).1,
        })
    }

    pub(super) fn spawn(
        &self,
        query_loop: QueryLoop,
        stop: CancellationToken,
        report: impl FnOnce(RuntimeError) + Send + 'static,
    ) -> JoinHandle<()> {
        let id = query_loop.id.clone();
        tracing::info!(query = id, "query started");
        self.inner.tracker.spawn(async move {
            let run = AssertUnwindSafe(query_loop.run(stop)).catch_unwind().await;
            // A panic is a failure of the query.
            let ended = run.unwrap_or_else(|_| Err(RuntimeError::Panicked { query: id.clone() }));
            if let Err(error) = ended {
                tracing::error!(query = id, %error, "the query failed");
                report(error);
            }
        })
    }

    /// Calls `read` with the state of a running query, between two records; `None` if the query is not
    /// running.
    pub async fn read_state<T: Send + 'static>(
        &self,
        id: &str,
        read: impl FnOnce(&Task) -> T + Send + 'static,
    ) -> Option<T> {
        let state_reads = lock(&self.inner.running).get(id)?.state_reads.clone();
        let (sender, result) = oneshot::channel();
        let read: StateRead = Box::new(move |task| drop(sender.send(read(task))));
        state_reads.send(read).await.ok()?;
        result.await.ok()
    }
}
