//! The model's history, asked of the model API.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use messages::{EventTime, RetrainTrigger};
use report::ModelHistory;
use report::history::{Decision, Outcome, TrainingRows, Version};
use report::ledger::Trigger;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::training_rows::training_rows;

/// How long the API may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A page of `GET /models`: the fields that a report needs.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    models: Vec<Model>,
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Model {
    model_version: String,
    training_started: EventTime,
    formula: String,
    rows: u64,
    species: Vec<String>,
    first_row: Option<String>,
    last_row: Option<String>,
    decisions: Vec<Logged>,
    summary: Fit,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Logged {
    sequence: u64,
    verdict: String,
    time: EventTime,
    cause: Cause,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cause {
    // A request may name only a part of a trigger: that is none of the topic's.
    trigger: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fit {
    r_squared: Option<f64>,
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
        let client = reqwest::Client::builder().timeout(ANSWER).build();
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
        let mut history = ModelHistory::default();
        let mut decisions = Vec::new();
        let mut next = Some("/models?limit=100".to_owned());
        while let Some(path) = next {
            let page: Page = self.get(&path).await?;
            next = page.next;
            for model in page.models {
                decisions.extend(model.decisions.iter().map(|logged| {
                    let trigger = logged.cause.trigger.clone();
                    let decision = Decision {
                        version: model.model_version.clone(),
                        outcome: Outcome::from(logged.verdict.as_str()),
                        time: logged.time,
                        training_started: Some(model.training_started),
                        cause: trigger
                            .and_then(|value| serde_json::from_value::<RetrainTrigger>(value).ok()),
                    };
                    (logged.sequence, decision)
                }));
                history.versions.push(Version {
                    id: model.model_version,
                    rows: model.rows,
                    species: model.species,
                    first_row: model.first_row.map(fish_of),
                    last_row: model.last_row.map(fish_of),
                });
            }
        }
        history.versions.reverse();
        decisions.sort_by_key(|(sequence, _)| *sequence);
        history.decisions = decisions
            .into_iter()
            .map(|(_, decision)| decision)
            .collect();
        Ok(history)
    }

    /// All versions and decisions, with the training rows of the versions that the triggers are
    /// about: what [`report::build()`] needs to say why they erred.
    ///
    /// # Errors
    /// As [`history`](Self::history). A version that the server has forgotten has no rows.
    pub async fn history_of(&self, triggers: &[Trigger]) -> anyhow::Result<ModelHistory> {
        let mut history = self.history().await?;
        let mut known = self.known_rows().clone();
        for trigger in triggers {
            let version = &trigger.value.model_version;
            if history.training_rows.contains_key(version) {
                continue;
            }
            let rows = match known.remove(version) {
                Some(rows) => Some(rows),
                None if history.version(version).is_some() => self.training_rows(version).await?,
                None => None,
            };
            history
                .training_rows
                .extend(rows.map(|rows| (version.clone(), rows)));
        }
        self.known_rows().clone_from(&history.training_rows);
        Ok(history)
    }

    fn known_rows(&self) -> std::sync::MutexGuard<'_, HashMap<String, TrainingRows>> {
        // A plain value that each change leaves whole.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows that a version was trained on; none where the server has forgotten it.
    async fn training_rows(&self, version: &str) -> anyhow::Result<Option<TrainingRows>> {
        let path = format!("/models/{version}/rows");
        let (url, answer) = self.ask(&path).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let file = answer.error_for_status()?.text().await?;
        let rows = training_rows(&file);
        rows.map(Some)
            .with_context(|| format!("{url} answers something unexpected"))
    }

    /// What is live, in a line.
    ///
    /// # Errors
    /// Where the API does not answer, or no model is live.
    pub async fn live(&self) -> anyhow::Result<String> {
        let model: Model = self.get("/models/live").await?;
        let r_squared = model.summary.r_squared.unwrap_or(f64::NAN);
        Ok(format!(
            "{}: {}, {} rows ({}), R² {r_squared:.4}",
            model.model_version,
            model.formula,
            model.rows,
            model.species.join(", ")
        ))
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let (url, answer) = self.ask(path).await?;
        let answer = answer.error_for_status();
        let answer = answer.with_context(|| format!("the model API does not answer {url}"))?;
        answer
            .json()
            .await
            .with_context(|| format!("{url} answers something unexpected"))
    }

    async fn ask(&self, path: &str) -> anyhow::Result<(String, Response)> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let answer = self.client.get(&url).send().await;
        let answer = answer.with_context(|| format!("the model API does not answer {url}"))?;
        Ok((url, answer))
    }
}

/// A row's id is the fish's id, `@`, and the time of weighing.
fn fish_of(row_id: String) -> String {
    row_id
        .rsplit_once('@')
        .map_or(row_id.clone(), |(fish, _)| fish.to_owned())
}
