//! What the topics do not tell: the live model, its history, the rows in the store, how far consumer
//! groups are behind, and each part's health. It is asked only while somebody looks.

use std::collections::HashSet;
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::{Measurement, topics};
use model_server::http::view::ModelView;
use observer::cluster::Look;
use observer::model_history::history_from;
use observer::{Cluster, ModelApi, Observer};
use report::ModelHistory;
use report::ledger::Trigger;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::config::PartUrl;
use crate::health::{Part, ask};
use crate::service::Watching;
use crate::stored::Stored;

/// How many versions the page knows of.
const VERSIONS: u8 = 50;
/// How long an answer may take; what is slower is shown as not answering.
const ANSWER: Duration = Duration::from_millis(1_500);
/// How often the history is asked for where nothing says that it has changed.
const HISTORY: Duration = Duration::from_secs(5);
/// How often Kafka and the parts are asked.
const PARTS: Duration = Duration::from_secs(2);

/// The last answer of something, and why there is none now.
#[derive(Clone, Debug)]
pub(crate) struct Answer<T> {
    /// What it last said.
    pub(crate) last: Option<T>,
    /// Why it does not answer now.
    pub(crate) failure: Option<String>,
}

impl<T> Default for Answer<T> {
    fn default() -> Self {
        Self {
            last: None,
            failure: None,
        }
    }
}

impl<T> Answer<T> {
    async fn renew<E: Display>(&mut self, asked: impl Future<Output = Result<T, E>>) {
        match tokio::time::timeout(ANSWER, asked).await {
            Ok(Ok(answer)) => {
                self.last = Some(answer);
                self.failure = None;
            }
            Ok(Err(error)) => self.failure = Some(format!("{error:#}")),
            Err(_) => self.failure = Some("does not answer in time".to_owned()),
        }
    }
}

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
    pub(crate) history: Answer<ModelHistory>,
    /// The rows in the store; none where no store is looked at.
    pub(crate) stored: Option<HashSet<String>>,
    /// Why the store cannot be read.
    pub(crate) store_failure: Option<String>,
    /// Brokers and groups.
    pub(crate) cluster: Answer<Look>,
    /// The other parts.
    pub(crate) parts: Vec<Part>,
}

/// Asks; clones share what they learned.
#[derive(Clone, Debug)]
pub(crate) struct Asker(Arc<Asking>);

#[derive(Debug)]
struct Asking {
    watching: Watching,
    cluster: Cluster,
    http: reqwest::Client,
    parts: Vec<PartUrl>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    outside: Arc<Outside>,
    stored: Stored,
    asked: Option<Instant>,
    history: Option<(Instant, String, usize)>,
    /// When the model was asked for which version's answer for which fish.
    example: Option<(Instant, String, String)>,
    parts: Option<Instant>,
}

impl Asker {
    pub(crate) fn new(
        watching: Watching,
        cluster: Cluster,
        mut parts: Vec<PartUrl>,
    ) -> anyhow::Result<Self> {
        let base = watching.model_url.trim_end_matches('/');
        let model_server = PartUrl {
            name: "model server".to_owned(),
            url: format!("{base}/readyz"),
        };
        parts.insert(0, model_server);
        Ok(Self(Arc::new(Asking {
            watching,
            cluster,
            http: reqwest::Client::builder().build()?,
            parts,
            known: Mutex::default(),
        })))
    }

    /// What is known, asked for again where that was longer ago than `age`.
    pub(crate) async fn ask(&self, age: Duration) -> Arc<Outside> {
        let mut known = self.0.known.lock().await;
        if known.asked.is_none_or(|asked| asked.elapsed() >= age) {
            known.ask(&self.0).await;
            known.asked = Some(Instant::now());
        }
        known.outside.clone()
    }
}

impl Known {
    async fn ask(&mut self, of: &Asking) {
        let now = Instant::now();
        let mut next = (*self.outside).clone();
        let Outside {
            live,
            example,
            models,
            history,
            stored,
            store_failure,
            cluster,
            parts,
        } = &mut next;
        let watching = &of.watching;
        let api = &watching.model_api;
        live.renew(api.live_model()).await;
        let triggers = watching.observer.ledger().triggers().to_vec();
        let key = live_key(live.last.as_ref());
        let known_history = self.history.as_ref().is_some_and(|(asked, version, seen)| {
            asked.elapsed() < HISTORY && *version == key && *seen == triggers.len()
        });
        let known_parts = self.parts.is_some_and(|asked| now < asked + PARTS);
        let versions = async {
            if !known_history {
                models.renew(api.newest(VERSIONS)).await;
                let models = models.last.as_deref().unwrap_or_default();
                history.renew(with_rows(api, models, &triggers)).await;
            }
        };
        let rows = rows(&watching.observer);
        let known_rows = &mut self.stored;
        let store = async {
            let Some(store) = &watching.store else { return };
            let looked = known_rows.look_for(&rows, store.as_ref());
            *store_failure = match tokio::time::timeout(ANSWER, looked).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("does not answer in time".to_owned()),
            };
            *stored = Some(known_rows.rows().clone());
        };
        let broker = async {
            if !known_parts {
                cluster.renew(of.cluster.look()).await;
            }
        };
        let others = async {
            if !known_parts {
                let asked = of.parts.iter().map(|part| ask(&of.http, part));
                *parts = futures::future::join_all(asked).await;
            }
        };
        let newest = newest_fish(&watching.observer);
        let version = live.last.as_ref().map(|live| live.model_version.clone());
        let asking = newest.zip(version);
        let known_example = asking.as_ref().is_none_or(|(fish, version)| {
            let same = |(asked, of, by): &(Instant, String, String)| {
                *of == fish.fish_id
                    && by == version
                    && (example.failure.is_none() || asked.elapsed() < HISTORY)
            };
            self.example.as_ref().is_some_and(same)
        });
        let of_and_by = asking
            .as_ref()
            .map(|(fish, version)| (fish.fish_id.clone(), version.clone()));
        // Each question counts in the model server's metrics: asked only for what is not known.
        let predicted = async {
            if let Some((fish, _)) = asking.filter(|_| !known_example) {
                example.renew(predict(api, fish)).await;
            }
        };
        tokio::join!(versions, store, broker, others, predicted);
        if !known_history {
            self.history = Some((now, key, triggers.len()));
        }
        if !known_parts {
            self.parts = Some(now);
        }
        if !known_example {
            self.example = of_and_by.map(|(fish, version)| (now, fish, version));
        }
        self.outside = Arc::new(next);
    }
}

/// The history that versions make, with the training rows of those that erred.
async fn with_rows(
    api: &ModelApi,
    models: &[ModelView],
    triggers: &[Trigger],
) -> anyhow::Result<ModelHistory> {
    let mut history = history_from(models);
    api.add_rows(&mut history, triggers).await?;
    Ok(history)
}

/// Changes where the log of decisions says that something else is live.
fn live_key(live: Option<&ModelView>) -> String {
    let decision = live.and_then(|live| live.decisions.last());
    let sequence = decision.map_or(0, |decision| decision.sequence);
    let version = live.map_or("", |live| live.model_version.as_str());
    format!("{version} {sequence}")
}

fn rows(observer: &Observer) -> HashSet<String> {
    let ledger = observer.ledger();
    let fish = ledger.fish();
    fish.iter()
        .flat_map(|(_, one)| one.row_ids.iter().cloned())
        .collect()
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
