//! What the topics do not tell: the live model, its history, the rows in the store, how far consumer
//! groups are behind, whether the SQL's queries run, and each part's health. It is asked only while
//! somebody looks. Each question has its own deadline and its own age: one part that is slow makes
//! its own numbers old, and no others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, join_all};
use model_server::http::view::ModelView;
use model_server::store::StoreError;
use observer::Lag;
use observer::history_from;
use observer::row_ids;
use observer::{Cluster, ModelApi, Observer};
use pipeline::{Measurement, topics};
use report::ModelHistory;
use report::ledger::Trigger;
use serde::Deserialize;
use service_runtime::server::CLIENT_IDLE;

use crate::asked::{Answer, Question};
use crate::config::PartUrl;
use crate::health;
use crate::look::Look;
use crate::queries::Queries;
use crate::service::Watching;

/// How many versions the page knows of.
const VERSIONS: u8 = 50;
/// How long an answer may take; what is slower is shown as not answering.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long Kafka may take: a little longer than a client's own look.
const KAFKA: Duration = Duration::from_millis(2_500);
/// How long a page waits for what was never told, or is old: after it the page shows what is known.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often the history is asked for where nothing says that it has changed.
const HISTORY: Duration = Duration::from_secs(5);
/// How often Kafka and the parts are asked.
const PARTS: Duration = Duration::from_secs(2);

/// The model's answer for the newest fish.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Example {
    /// Predicted weight in kilograms.
    pub(crate) weight: f64,
    /// Lower end of the 95 % prediction interval, in kilograms.
    pub(crate) lower95: f64,
    /// Its upper end.
    pub(crate) upper95: f64,
    /// The fish.
    #[serde(skip)]
    pub(crate) of: Option<Measurement>,
}

/// What is known besides the topics.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outside {
    /// The live model.
    pub(crate) live: Answer<ModelView>,
    /// What it predicts for the newest fish.
    pub(crate) example: Answer<Example>,
    /// The newest versions, newest first.
    pub(crate) models: Answer<Vec<ModelView>>,
    /// The history that they make, with the training rows of versions that erred.
    pub(crate) history: ModelHistory,
    /// Whether the training rows of the versions that erred could be read.
    pub(crate) rows: Answer<()>,
    /// Which rows are in the store; none where no store is looked at.
    pub(crate) stored: Option<Answer<Look>>,
    /// How many brokers there are.
    pub(crate) brokers: Answer<usize>,
    /// How far the groups are behind.
    pub(crate) lags: Answer<Vec<Lag>>,
    /// The SQL's queries; none where the engine is not asked.
    pub(crate) queries: Option<Answer<Queries>>,
    /// The other parts: what each says of itself.
    pub(crate) parts: Vec<(String, Answer<String>)>,
}

/// Asks; clones share what they learned.
#[derive(Clone, Debug)]
pub(crate) struct Asker(Arc<Asking>);

#[derive(Debug)]
struct Asking {
    watching: Watching,
    cluster: Cluster,
    http: reqwest::Client,
    live: Question<ModelView>,
    example: Question<Example>,
    models: Question<Vec<ModelView>>,
    rows: Question<()>,
    stored: Option<Question<Look>>,
    brokers: Question<usize>,
    lags: Question<Vec<Lag>>,
    queries: Option<(String, Question<Queries>)>,
    parts: Vec<(PartUrl, Question<String>)>,
    noted: Mutex<Noted>,
}

/// What was asked for last.
#[derive(Debug, Default)]
struct Noted {
    /// What was live and how many triggers there were when the versions were asked for.
    models: Option<(String, usize)>,
    /// When the model was asked for which fish, and which version answered.
    example: Option<(Instant, (String, String))>,
}

/// The wait for answers.
type Waiting = Vec<BoxFuture<'static, ()>>;

impl Asker {
    pub(crate) fn new(
        watching: Watching,
        cluster: Cluster,
        mut parts: Vec<PartUrl>,
        ksql_url: Option<String>,
    ) -> anyhow::Result<Self> {
        let base = watching.model_url.trim_end_matches('/');
        let model_server = PartUrl {
            name: "model server".to_owned(),
            url: format!("{base}/readyz"),
        };
        parts.insert(0, model_server);
        let parts = parts.into_iter();
        Ok(Self(Arc::new(Asking {
            stored: watching.stored.as_ref().map(|_| Question::new(DEADLINE)),
            watching,
            cluster,
            http: reqwest::Client::builder()
                .pool_idle_timeout(CLIENT_IDLE)
                .build()?,
            live: Question::new(DEADLINE),
            example: Question::new(DEADLINE),
            models: Question::new(DEADLINE),
            rows: Question::new(DEADLINE),
            brokers: Question::new(KAFKA),
            lags: Question::new(KAFKA),
            queries: ksql_url.map(|url| (url, Question::new(DEADLINE))),
            parts: parts.map(|part| (part, Question::new(DEADLINE))).collect(),
            noted: Mutex::default(),
        })))
    }

    /// What is known, asked for again where that was longer ago than `age`. An `age` of zero waits for
    /// what the model server and the store say now.
    pub(crate) async fn ask(&self, age: Duration) -> Arc<Outside> {
        let of = &self.0;
        let patience = if age.is_zero() { DEADLINE } else { PATIENCE };
        let mut waiting = of.ask_parts(age);
        let api = of.watching.model_api.clone();
        let live = of.live.renew(age, async move { api.live_model().await });
        // What is asked of the model next depends on what is live.
        patient(patience, live.into_iter().collect()).await;
        let triggers = of.watching.observer.ledger().triggers().to_vec();
        waiting.extend(of.ask_history(&triggers));
        waiting.extend(Asking::ask_example(of));
        patient(patience, waiting).await;
        patient(patience, of.rows.awaited().into_iter().collect()).await;
        Arc::new(of.known(&triggers))
    }
}

impl Asking {
    /// Asks those whose answers depend on no other.
    fn ask_parts(&self, age: Duration) -> Waiting {
        let mut waiting = Waiting::new();
        if let (Some(question), Some(stored)) = (&self.stored, &self.watching.stored) {
            let rows = row_ids(&self.watching.observer.ledger().fish());
            let stored = stored.clone();
            let before = question.answer().last;
            let asked = async move {
                let found = stored.among(&rows).await?;
                let now = Instant::now();
                Ok::<_, StoreError>(Look::after(before.as_deref(), rows, found, now))
            };
            waiting.extend(question.renew(age, asked));
        }
        let cluster = self.cluster.clone();
        let brokers = async move { cluster.brokers().await };
        waiting.extend(self.brokers.renew(PARTS, brokers));
        let cluster = self.cluster.clone();
        let lags = async move { Ok::<_, std::convert::Infallible>(cluster.lags().await) };
        waiting.extend(self.lags.renew(PARTS, lags));
        if let Some((url, question)) = &self.queries {
            let (http, url) = (self.http.clone(), url.clone());
            let asked = async move { Queries::ask(&http, &url).await };
            waiting.extend(question.renew(PARTS, asked));
        }
        for (part, question) in &self.parts {
            let (http, url) = (self.http.clone(), part.url.clone());
            let asked = async move { health::ask(&http, &url).await };
            waiting.extend(question.renew(PARTS, asked));
        }
        waiting
    }

    /// Asks for the versions and decisions, at once where something says that they have changed; then
    /// for the training rows of the versions that erred. Rows that cannot be read keep nobody from
    /// knowing what was decided.
    fn ask_history(&self, triggers: &[Trigger]) -> Waiting {
        let live = self.live.answer().last;
        let seen = Some((live_key(live.as_deref()), triggers.len()));
        let news = std::mem::replace(&mut self.noted().models, seen.clone()) != seen;
        let age = if news { Duration::ZERO } else { HISTORY };
        let (api, rows) = (self.watching.model_api.clone(), self.rows.clone());
        let triggers = triggers.to_vec();
        let asked = async move {
            let models = api.newest(VERSIONS).await?;
            let history = history_from(&models);
            // It is asked in a task of its own, whoever waits for it.
            let _ = rows.renew(Duration::ZERO, async move {
                api.fetch_rows(&history, &triggers).await
            });
            Ok::<_, anyhow::Error>(models)
        };
        self.models.renew(age, asked).into_iter().collect()
    }

    /// Asks what the live model predicts for the newest fish. Each question counts in the model
    /// server's metrics: it is asked only for what is not known, one at a time.
    fn ask_example(of: &Arc<Self>) -> Waiting {
        let live = of.live.answer().last;
        let Some((fish, live)) = newest_fish(&of.watching.observer).zip(live) else {
            return Waiting::new();
        };
        let failed = of.example.answer().failure.is_some();
        let asks_for = (fish.fish_id.clone(), live.model_version.clone());
        let known = of.noted().example.as_ref().is_some_and(|(asked, last)| {
            *last == asks_for && (!failed || asked.elapsed() < HISTORY)
        });
        if known {
            return Waiting::new();
        }
        let this = Arc::clone(of);
        let asked = async move {
            this.noted().example = Some((Instant::now(), asks_for));
            predict(&this.watching.model_api, fish).await
        };
        let asked = of.example.renew(Duration::from_millis(1), asked);
        asked.into_iter().collect()
    }

    fn known(&self, triggers: &[Trigger]) -> Outside {
        let models = self.models.answer();
        let mut history = models
            .last
            .as_ref()
            .map_or_else(ModelHistory::default, |all| history_from(all));
        history.training_rows = self.watching.model_api.rows_of(triggers);
        let parts = self.parts.iter();
        Outside {
            live: self.live.answer(),
            example: self.example.answer(),
            models,
            history,
            rows: self.rows.answer(),
            stored: self.stored.as_ref().map(Question::answer),
            brokers: self.brokers.answer(),
            lags: self.lags.answer(),
            queries: self.queries.as_ref().map(|(_, asked)| asked.answer()),
            parts: parts
                .map(|(part, asked)| (part.name.clone(), asked.answer()))
                .collect(),
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        // A plain value that each change leaves whole.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for answers, but not for long.
async fn patient(patience: Duration, waiting: Waiting) {
    if !waiting.is_empty() {
        // What comes later is in the next frame.
        let _ = tokio::time::timeout(patience, join_all(waiting)).await;
    }
}

/// Changes where the log of decisions says that something else is live.
fn live_key(live: Option<&ModelView>) -> String {
    let decision = live.and_then(|live| live.decisions.last());
    let sequence = decision.map_or(0, |decision| decision.sequence);
    let version = live.map_or("", |live| live.model_version.as_str());
    format!("{version} {sequence}")
}

fn newest_fish(observer: &Observer) -> Option<Measurement> {
    let ledger = observer.ledger();
    let fish = ledger.fish();
    fish.iter()
        .rev()
        .find_map(|(_, one)| one.measurement.clone())
}

async fn predict(api: &ModelApi, fish: Measurement) -> anyhow::Result<Example> {
    let query = [
        ("length", fish.length_cm.to_string()),
        ("height", fish.height_cm.to_string()),
        ("species", fish.species.clone()),
    ];
    let mut example: Example = api.get("/prediction", &query).await?;
    example.of = Some(fish);
    Ok(example)
}

/// The topics of the pipeline that are not read yet.
pub(crate) fn unread(observer: &Observer) -> Vec<&'static str> {
    let now = Instant::now();
    let all = topics::ALL.into_iter();
    all.filter(|topic| observer.traffic().of(topic, now).is_none())
        .collect()
}
