//! The model's history, asked of the model API.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use model_server::http::view::ModelView;
use pipeline::RetrainTrigger;
use report::ModelHistory;
use report::history::{Decision, Outcome, TrainingRows, Version};
use report::ledger::Trigger;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use service_runtime::server::CLIENT_IDLE;

use crate::training_rows::training_rows;

/// How long the API may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A page of `GET /models`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    models: Vec<ModelView>,
    next: Option<String>,
}

/// A model server's API.
#[derive(Clone, Debug)]
pub struct ModelApi {
    client: reqwest::Client,
    url: String,
    /// The training rows that were asked for last; a version's never change.
    rows: Arc<Mutex<HashMap<String, TrainingRows>>>,
}

impl ModelApi {
    /// The API at `url`, such as `http://127.0.0.1:8000`.
    ///
    /// # Errors
    /// Where no HTTP client can be made.
    pub fn new(url: impl Into<String>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .pool_idle_timeout(CLIENT_IDLE)
            .timeout(ANSWER)
            .build();
        Ok(Self {
            client: client.context("no HTTP client can be made")?,
            url: url.into(),
            rows: Arc::default(),
        })
    }

    /// All versions and the decisions on them, oldest first.
    ///
    /// # Errors
    /// Where the API does not answer, or with something else than a history.
    pub async fn history(&self) -> anyhow::Result<ModelHistory> {
        let mut models = Vec::new();
        let mut next = Some("/models?limit=100".to_owned());
        while let Some(path) = next {
            let page: Page = self.get(&path, &[]).await?;
            next = page.next;
            models.extend(page.models);
        }
        Ok(history_from(&models))
    }

    /// All versions and decisions, with the training rows of the versions that the triggers are
    /// about: what [`report::build()`] needs to say why they erred.
    ///
    /// # Errors
    /// As [`history`](Self::history). A version that the server has forgotten, or whose rows cannot be
    /// read, has none.
    pub async fn history_of(&self, triggers: &[Trigger]) -> anyhow::Result<ModelHistory> {
        let mut history = self.history().await?;
        if let Err(error) = self.learn_rows(&history, triggers).await {
            // The report says what it does not know; all else in it rests on the history.
            tracing::warn!("why a model erred is not known: {error:#}");
        }
        history.training_rows = self.rows_of(triggers);
        Ok(history)
    }

    /// Asks for the training rows of the versions that the triggers are about, those that are not
    /// known yet and of which the history tells. What was read is kept, whatever fails after it.
    ///
    /// # Errors
    /// The first version whose rows cannot be read; the others are asked for all the same.
    pub async fn learn_rows(
        &self,
        history: &ModelHistory,
        triggers: &[Trigger],
    ) -> anyhow::Result<()> {
        let versions: BTreeSet<&String> = triggers
            .iter()
            .map(|trigger| &trigger.value.model_version)
            .collect();
        self.known_rows()
            .retain(|version, _| versions.contains(version));
        let mut first = Ok(());
        for version in versions {
            if self.known_rows().contains_key(version) || history.version(version).is_none() {
                continue;
            }
            let asked = self.training_rows(version).await;
            let asked = asked.with_context(|| format!("the training rows of model {version}"));
            match asked {
                Ok(rows) => self
                    .known_rows()
                    .extend(rows.map(|rows| (version.clone(), rows))),
                Err(error) => first = first.and(Err(error)),
            }
        }
        first
    }

    /// The training rows that are known of the versions that the triggers are about.
    pub fn rows_of(&self, triggers: &[Trigger]) -> HashMap<String, TrainingRows> {
        let known = self.known_rows();
        let versions = triggers.iter().map(|trigger| &trigger.value.model_version);
        versions
            .filter_map(|version| Some((version.clone(), known.get(version)?.clone())))
            .collect()
    }

    fn known_rows(&self) -> MutexGuard<'_, HashMap<String, TrainingRows>> {
        // A plain value that each change leaves whole.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows that a version was trained on; none where the server has forgotten it.
    async fn training_rows(&self, version: &str) -> anyhow::Result<Option<TrainingRows>> {
        let path = format!("/models/{version}/rows");
        let (url, answer) = self.ask(&path, &[]).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let file = answer.error_for_status()?.text().await?;
        let rows = training_rows(&file);
        rows.map(Some)
            .with_context(|| format!("{url} answers something unexpected"))
    }

    /// The newest versions with the decisions on them, newest first, at most 100.
    ///
    /// # Errors
    /// Where the API does not answer, or with something else than versions.
    pub async fn newest(&self, versions: u8) -> anyhow::Result<Vec<ModelView>> {
        let page: Page = self.get(&format!("/models?limit={versions}"), &[]).await?;
        Ok(page.models)
    }

    /// What is live.
    ///
    /// # Errors
    /// Where the API does not answer, or no model is live.
    pub async fn live_model(&self) -> anyhow::Result<ModelView> {
        self.get("/models/live", &[]).await
    }

    /// What is live, in a line.
    ///
    /// # Errors
    /// Where the API does not answer, or no model is live.
    pub async fn live(&self) -> anyhow::Result<String> {
        let model = self.live_model().await?;
        let r_squared = model.summary.r_squared.unwrap_or(f64::NAN);
        Ok(format!(
            "{}: {}, {} rows ({}), R² {r_squared:.4}",
            model.model_version,
            model.formula,
            model.rows,
            model.species.join(", ")
        ))
    }

    /// What `GET path` answers.
    ///
    /// # Errors
    /// Where the API does not answer with 200 and a `T`.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        let (url, answer) = self.ask(path, query).await?;
        let answer = answer.error_for_status();
        let answer = answer.with_context(|| format!("the model API does not answer {url}"))?;
        answer
            .json()
            .await
            .with_context(|| format!("{url} answers something unexpected"))
    }

    async fn ask(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<(String, Response)> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let answer = self.client.get(&url).query(query).send().await;
        let answer = answer.with_context(|| format!("the model API does not answer {url}"))?;
        Ok((url, answer))
    }
}

/// The history that versions, newest first, and the decisions on them make.
pub fn history_from(models: &[ModelView]) -> ModelHistory {
    let mut decisions: Vec<_> = models
        .iter()
        .flat_map(|model| model.decisions.iter().map(move |logged| (model, logged)))
        .collect();
    decisions.sort_by_key(|(_, logged)| logged.sequence);
    let versions = models.iter().rev().map(|model| Version {
        id: model.model_version.clone(),
        rows: model.rows,
        species: model.species.clone(),
        first_row: model.first_row.as_deref().map(fish_of),
        last_row: model.last_row.as_deref().map(fish_of),
    });
    let decisions = decisions.into_iter().map(|(model, logged)| Decision {
        version: model.model_version.clone(),
        outcome: Outcome::from(logged.verdict.name()),
        time: logged.time,
        training_started: model.training_started.parse().ok(),
        // A request may name only a part of a trigger: that is none of the topic's.
        cause: logged.cause.trigger.as_ref().and_then(|trigger| {
            let value = serde_json::to_value(trigger).ok()?;
            serde_json::from_value::<RetrainTrigger>(value).ok()
        }),
    });
    ModelHistory {
        versions: versions.collect(),
        decisions: decisions.collect(),
        training_rows: HashMap::new(),
    }
}

/// A row's id is the fish's id, `@`, and the time of weighing.
fn fish_of(row_id: &str) -> String {
    row_id
        .rsplit_once('@')
        .map_or(row_id, |(fish, _)| fish)
        .to_owned()
}
