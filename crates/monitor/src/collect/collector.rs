//! Polls the live model, its history, the rows in the store, the lag of consumer groups, the SQL's
//! queries, and the health of each part. Nothing is polled while no page is open.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::future::{BoxFuture, join_all};
use model_store::{ModelView, StoreError};
use observer::{Cluster, Lag, ModelApi, Observer, history_from};
use pipeline::Definition;
use report::ModelHistory;
use report::ledger::Trigger;
use service_runtime::client::ClientArgs;
use service_runtime::server::CLIENT_IDLE;

use super::poll::{Poll, Polled};
use super::queries::Queries;
use super::snapshot::StoreSnapshot;
use super::{WatchedPipeline, health};
use crate::config::PartUrl;

/// Maximum number of versions requested.
const VERSIONS: u8 = 50;
/// A part that needs longer is shown as not answering.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The timeout for Kafka: slightly longer than the Kafka client's own request timeout.
const KAFKA_TIMEOUT: Duration = Duration::from_millis(2_500);
/// How long a page waits for results that are missing or old. After that it shows the latest results.
const PATIENCE: Duration = Duration::from_millis(300);
/// Interval of requests for the history while nothing indicates a change.
const HISTORY: Duration = Duration::from_secs(5);
/// Interval of requests to Kafka and the parts.
const PARTS: Duration = Duration::from_secs(2);

/// The model's prediction for the newest record.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    /// The record.
    pub(crate) record: NewestRecord,
    /// The predicted value, in the target's unit.
    pub(crate) value: f64,
    /// Ends of the 95 % prediction interval.
    pub(crate) lower95: f64,
    pub(crate) upper95: f64,
}

/// A measured record.
#[derive(Clone, Debug)]
pub(crate) struct NewestRecord {
    pub(crate) key: String,
    pub(crate) group: Option<String>,
    /// The model's inputs, each with the column's name and unit.
    pub(crate) inputs: Vec<Input>,
}

/// An input of the model.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) column: String,
    pub(crate) is_category: bool,
    pub(crate) value: String,
    pub(crate) unit: Option<String>,
}

/// The latest results of all polls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collected {
    /// The live model.
    pub(crate) live: Polled<ModelView>,
    /// The live model's prediction for the newest record.
    pub(crate) example: Polled<Example>,
    /// The newest versions, newest first.
    pub(crate) models: Polled<Vec<ModelView>>,
    /// The history of `models`, with the training rows of the versions that triggers name.
    pub(crate) history: ModelHistory,
    /// Whether these training rows could be read.
    pub(crate) rows: Polled<()>,
    /// The store; `None` if the monitor does not read it.
    pub(crate) stored: Option<Polled<StoreSnapshot>>,
    /// Number of brokers.
    pub(crate) brokers: Polled<usize>,
    /// The lag of the consumer groups.
    pub(crate) lags: Polled<Vec<Lag>>,
    /// The SQL's queries; `None` if the engine is not polled.
    pub(crate) queries: Option<Polled<Queries>>,
    /// The health of the other parts, by name.
    pub(crate) parts: Vec<(String, Polled<String>)>,
}

/// Polls everything; clones share the results.
#[derive(Clone, Debug)]
pub(crate) struct Collector(Arc<Polls>);

#[derive(Debug)]
struct Polls {
    pipeline: WatchedPipeline,
    cluster: Cluster,
    http: reqwest::Client,
    live: Poll<ModelView>,
    example: Poll<Example>,
    models: Poll<Vec<ModelView>>,
    rows: Poll<()>,
    stored: Option<Poll<StoreSnapshot>>,
    brokers: Poll<usize>,
    lags: Poll<Vec<Lag>>,
    queries: Option<(String, Poll<Queries>)>,
    parts: Vec<(PartUrl, Poll<String>)>,
    requested: Mutex<Requested>,
}

/// Keys of the last requests.
#[derive(Debug, Default)]
struct Requested {
    /// The live model and the number of triggers at the last request for the versions.
    models: Option<(String, usize)>,
    /// When the last example was requested, for which record and version.
    example: Option<(Instant, (String, String))>,
}

/// Futures of running requests.
type Pending = Vec<BoxFuture<'static, ()>>;

impl Collector {
    pub(crate) fn new(
        pipeline: WatchedPipeline,
        cluster: Cluster,
        parts: Vec<PartUrl>,
        ksql_url: Option<String>,
        trust: &ClientArgs,
    ) -> anyhow::Result<Self> {
        let base = pipeline.model_url.trim_end_matches('/');
        let model_server = PartUrl {
            name: "model server".to_owned(),
            url: format!("{base}/readyz"),
        };
        let parts = std::iter::once(model_server).chain(parts);
        let http = trust.builder()?.pool_idle_timeout(CLIENT_IDLE);
        Ok(Self(Arc::new(Polls {
            stored: pipeline.stored.as_ref().map(|_| Poll::new(TIMEOUT)),
            pipeline,
            cluster,
            http: http.build()?,
            live: Poll::new(TIMEOUT),
            example: Poll::new(TIMEOUT),
            models: Poll::new(TIMEOUT),
            rows: Poll::new(TIMEOUT),
            brokers: Poll::new(KAFKA_TIMEOUT),
            lags: Poll::new(KAFKA_TIMEOUT),
            queries: ksql_url.map(|url| (url, Poll::new(TIMEOUT))),
            parts: parts.map(|part| (part, Poll::new(TIMEOUT))).collect(),
            requested: Mutex::default(),
        })))
    }

    /// The latest results, refreshed if they are older than `max_age`. A `max_age` of zero waits for the
    /// current answers of the model server and the store.
    pub(crate) async fn collect(&self, max_age: Duration) -> Arc<Collected> {
        let polls = &self.0;
        let patience = if max_age.is_zero() { TIMEOUT } else { PATIENCE };
        let mut pending = polls.refresh_parts(max_age);
        let api = polls.pipeline.model_api.clone();
        let live = polls
            .live
            .refresh(max_age, async move { api.live_model().await });
        // The other requests to the model server depend on which model is live.
        wait(patience, live.into_iter().collect()).await;
        let triggers = polls.pipeline.observer.ledger().triggers().to_vec();
        pending.extend(polls.refresh_history(&triggers));
        pending.extend(Polls::refresh_example(polls));
        wait(patience, pending).await;
        wait(patience, polls.rows.running().into_iter().collect()).await;
        Arc::new(polls.collected(&triggers))
    }
}

impl Polls {
    /// Refreshes everything that does not depend on another result.
    fn refresh_parts(&self, max_age: Duration) -> Pending {
        let mut pending = Pending::new();
        if let (Some(poll), Some(stored)) = (&self.stored, &self.pipeline.stored) {
            let (stored, observer) = (stored.clone(), self.pipeline.observer.clone());
            let previous = poll.polled().latest;
            let request = async move {
                stored.check(&observer).await?;
                let (found, now) = (observer.ledger().found_rows(), Instant::now());
                Ok::<_, StoreError>(StoreSnapshot::new(previous.as_deref(), found, now))
            };
            pending.extend(poll.refresh(max_age, request));
        }
        let cluster = self.cluster.clone();
        let brokers = async move { cluster.brokers().await };
        pending.extend(self.brokers.refresh(PARTS, brokers));
        let cluster = self.cluster.clone();
        let lags = async move { Ok::<_, Infallible>(cluster.lags().await) };
        pending.extend(self.lags.refresh(PARTS, lags));
        if let Some((url, poll)) = &self.queries {
            let (http, url) = (self.http.clone(), url.clone());
            let request = async move { Queries::request(&http, &url).await };
            pending.extend(poll.refresh(PARTS, request));
        }
        for (part, poll) in &self.parts {
            let (http, url) = (self.http.clone(), part.url.clone());
            let request = async move { health::check(&http, &url).await };
            pending.extend(poll.refresh(PARTS, request));
        }
        pending
    }

    /// Refreshes the versions and decisions, immediately if the live model or the number of triggers has
    /// changed, and then the training rows of the versions that triggers name. The decisions are available
    /// even if the rows cannot be read.
    fn refresh_history(&self, triggers: &[Trigger]) -> Pending {
        let live = self.live.polled().latest;
        let key = Some((live_key(live.as_deref()), triggers.len()));
        let changed = std::mem::replace(&mut self.requested().models, key.clone()) != key;
        let max_age = if changed { Duration::ZERO } else { HISTORY };
        let (api, rows) = (self.pipeline.model_api.clone(), self.rows.clone());
        let triggers = triggers.to_vec();
        let request = async move {
            let models = api.newest(VERSIONS).await?;
            let history = history_from(api.definition(), &models);
            // Runs in its own task, so the returned future need not be awaited.
            let _ = rows.refresh(Duration::ZERO, async move {
                api.fetch_rows(&history, &triggers).await
            });
            Ok::<_, anyhow::Error>(models)
        };
        self.models.refresh(max_age, request).into_iter().collect()
    }

    /// Requests the prediction for the newest record, once for each record and live version: the model
    /// server's metrics count each request.
    fn refresh_example(polls: &Arc<Self>) -> Pending {
        let live = polls.live.polled().latest;
        let Some((record, live)) = newest_record(&polls.pipeline.observer).zip(live) else {
            return Pending::new();
        };
        let failed = polls.example.polled().failure.is_some();
        let key = (record.key.clone(), live.model_version.clone());
        let known = polls
            .requested()
            .example
            .as_ref()
            .is_some_and(|(at, last)| *last == key && (!failed || at.elapsed() < HISTORY));
        if known {
            return Pending::new();
        }
        let this = Arc::clone(polls);
        let request = async move {
            this.requested().example = Some((Instant::now(), key));
            let definition = this.pipeline.observer.definition();
            predict(definition, &this.pipeline.model_api, record).await
        };
        let pending = polls.example.refresh(Duration::from_millis(1), request);
        pending.into_iter().collect()
    }

    fn collected(&self, triggers: &[Trigger]) -> Collected {
        let models = self.models.polled();
        let latest = models.latest.as_ref();
        let mut history = latest.map_or_else(ModelHistory::default, |all| {
            history_from(self.pipeline.observer.definition(), all)
        });
        history.training_rows = self.pipeline.model_api.rows_of(triggers);
        let parts = self.parts.iter();
        Collected {
            live: self.live.polled(),
            example: self.example.polled(),
            models,
            history,
            rows: self.rows.polled(),
            stored: self.stored.as_ref().map(Poll::polled),
            brokers: self.brokers.polled(),
            lags: self.lags.polled(),
            queries: self.queries.as_ref().map(|(_, poll)| poll.polled()),
            parts: parts
                .map(|(part, poll)| (part.name.clone(), poll.polled()))
                .collect(),
        }
    }

    fn requested(&self) -> MutexGuard<'_, Requested> {
        // A panic cannot leave the value half changed.
        self.requested
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for running requests, up to `patience`. Later results are in the next frame.
async fn wait(patience: Duration, pending: Pending) {
    if !pending.is_empty() {
        let _ = tokio::time::timeout(patience, join_all(pending)).await;
    }
}

/// Changes with each decision on which model is live.
fn live_key(live: Option<&ModelView>) -> String {
    let decision = live.and_then(|live| live.decisions.last());
    let sequence = decision.map_or(0, |decision| decision.sequence);
    let version = live.map_or("", |live| live.model_version.as_str());
    format!("{version} {sequence}")
}

fn newest_record(observer: &Observer) -> Option<NewestRecord> {
    let definition = observer.definition();
    observer.ledger().newest_first().find_map(|account| {
        let inputs = account.inputs(definition)?.into_iter();
        Some(NewestRecord {
            key: account.id().to_owned(),
            group: account.group().map(str::to_owned),
            inputs: inputs
                .map(|(column, value)| Input {
                    column: column.name.clone(),
                    is_category: column.is_category(),
                    value,
                    unit: column.unit.clone(),
                })
                .collect(),
        })
    })
}

async fn predict(
    definition: &Definition,
    api: &ModelApi,
    record: NewestRecord,
) -> anyhow::Result<Example> {
    let inputs = record.inputs.iter();
    let query: Vec<_> = inputs
        .map(|input| (input.column.as_str(), input.value.clone()))
        .collect();
    let answer: serde_json::Value = api.get("/prediction", &query).await?;
    let number = |field: &str| {
        let number = answer.get(field).and_then(serde_json::Value::as_f64);
        number.with_context(|| format!("the model's answer has no number `{field}`"))
    };
    Ok(Example {
        value: number(&definition.target().field)?,
        lower95: number("Lower95")?,
        upper95: number("Upper95")?,
        record,
    })
}
