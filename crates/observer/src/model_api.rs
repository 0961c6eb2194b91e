//! The model API: versions, decisions and training rows.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use model_store::ModelView;
use pipeline::Definition;
use report::history::{Decision, Outcome, TrainingRows, Version};
use report::ledger::Trigger;
use report::{ModelHistory, in_brackets, printable};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use service_runtime::Token;
use service_runtime::client::{ModelClientArgs, reason, with_token};
use service_runtime::server::CLIENT_IDLE;

/// The timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A page of `GET /models`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    models: Vec<ModelView>,
    next: Option<String>,
}

/// The API of a model server. Clones share the connections and the cache of training rows.
#[derive(Clone, Debug)]
pub struct ModelApi {
    client: reqwest::Client,
    token: Option<Token>,
    url: String,
    definition: &'static Definition,
    /// Training rows by version. The rows of a version never change.
    rows: Arc<Mutex<HashMap<String, TrainingRows>>>,
}

impl ModelApi {
    /// The API at `url`, such as `http://127.0.0.1:8000`, of a pipeline's model server.
    ///
    /// # Errors
    /// If the settings in `access` are wrong, or no HTTP client can be created.
    pub fn new(
        url: impl Into<String>,
        access: &ModelClientArgs,
        definition: &'static Definition,
    ) -> anyhow::Result<Self> {
        let client = access
            .client
            .builder()?
            .pool_idle_timeout(CLIENT_IDLE)
            .timeout(TIMEOUT)
            .build();
        Ok(Self {
            client: client.context("cannot create an HTTP client")?,
            token: access.token()?,
            url: url.into(),
            definition,
            rows: Arc::default(),
        })
    }

    /// The pipeline.
    pub fn definition(&self) -> &'static Definition {
        self.definition
    }

    /// All versions and the decisions on them, oldest first.
    ///
    /// # Errors
    /// If the API does not answer, or its answer is not a history.
    pub async fn history(&self) -> anyhow::Result<ModelHistory> {
        let mut models = Vec::new();
        let mut next = Some("/models?limit=100".to_owned());
        while let Some(path) = next {
            let page: Page = self.get(&path, &[]).await?;
            next = page.next;
            models.extend(page.models);
        }
        Ok(history_from(self.definition, &models))
    }

    /// The [`history`](Self::history) with the training rows of the versions that triggers name, from
    /// which [`report::build`] computes the cause of a drift. Rows that cannot be read are left out.
    ///
    /// # Errors
    /// As [`history`](Self::history).
    pub async fn history_of(&self, triggers: &[Trigger]) -> anyhow::Result<ModelHistory> {
        let mut history = self.history().await?;
        if let Err(error) = self.fetch_rows(&history, triggers).await {
            // Only the cause is then missing from the report.
            tracing::warn!("cannot compare a drift with the training rows: {error:#}");
        }
        history.training_rows = self.rows_of(triggers);
        Ok(history)
    }

    /// Fetches the training rows of the versions that triggers name, if they are not cached yet and the
    /// history has the version. Removes other versions from the cache.
    ///
    /// # Errors
    /// The first error; the rows of the other versions are still fetched.
    pub async fn fetch_rows(
        &self,
        history: &ModelHistory,
        triggers: &[Trigger],
    ) -> anyhow::Result<()> {
        let versions: BTreeSet<&String> = triggers
            .iter()
            .map(|trigger| &trigger.value.model_version)
            .collect();
        self.cache().retain(|version, _| versions.contains(version));
        let mut first = Ok(());
        for version in versions {
            if self.cache().contains_key(version) || history.version(version).is_none() {
                continue;
            }
            let rows = self.training_rows(version).await;
            let rows = rows.with_context(|| format!("the training rows of model {version}"));
            match rows {
                Ok(rows) => self
                    .cache()
                    .extend(rows.map(|rows| (version.clone(), rows))),
                Err(error) => first = first.and(Err(error)),
            }
        }
        first
    }

    /// The cached training rows of the versions that triggers name.
    pub fn rows_of(&self, triggers: &[Trigger]) -> HashMap<String, TrainingRows> {
        let cache = self.cache();
        let versions = triggers.iter().map(|trigger| &trigger.value.model_version);
        versions
            .filter_map(|version| Some((version.clone(), cache.get(version)?.clone())))
            .collect()
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<String, TrainingRows>> {
        // A panic cannot leave the map half changed.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows that a version was trained on; `None` if the server has deleted it.
    async fn training_rows(&self, version: &str) -> anyhow::Result<Option<TrainingRows>> {
        let path = format!("/models/{version}/rows");
        let (url, answer) = self.request(&path, &[]).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let file = answer.error_for_status()?.text().await?;
        let rows = training_rows(self.definition, &file);
        rows.map(Some)
            .with_context(|| format!("unexpected answer of {url}"))
    }

    /// The newest versions (at most 100) with the decisions on them, newest first.
    ///
    /// # Errors
    /// If the API does not answer, or its answer is not a list of versions.
    pub async fn newest(&self, versions: u8) -> anyhow::Result<Vec<ModelView>> {
        let page: Page = self.get(&format!("/models?limit={versions}"), &[]).await?;
        Ok(page.models)
    }

    /// The live version.
    ///
    /// # Errors
    /// If the API does not answer, or no model is live.
    pub async fn live_model(&self) -> anyhow::Result<ModelView> {
        self.get("/models/live", &[]).await
    }

    /// The live version in one line.
    ///
    /// # Errors
    /// As [`live_model`](Self::live_model).
    pub async fn live(&self) -> anyhow::Result<String> {
        let model = self.live_model().await?;
        // With random intercepts there is none.
        let r_squared = model.summary.r_squared;
        let r_squared = r_squared.map_or_else(String::new, |value| format!(", R² {value:.4}"));
        Ok(format!(
            "{}: {}, {} rows{}{r_squared}",
            printable(&model.model_version),
            model.formula,
            model.rows,
            in_brackets(self.definition, &model.groups)
        ))
    }

    /// The answer of `GET path`.
    ///
    /// # Errors
    /// If the API does not answer with success and a `T`.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        let (url, answer) = self.request(path, query).await?;
        let answer = answer.error_for_status();
        let answer = answer.with_context(|| format!("the model API does not answer {url}"))?;
        answer
            .json()
            .await
            .with_context(|| format!("unexpected answer of {url}"))
    }

    /// The answer of `POST path` with a JSON body.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let answer = self.send(&url, self.client.post(&url).json(body)).await?;
        let answer = answer.error_for_status();
        let answer = answer.with_context(|| format!("the model API does not answer {url}"))?;
        answer
            .json()
            .await
            .with_context(|| format!("unexpected answer of {url}"))
    }

    async fn send(&self, url: &str, request: RequestBuilder) -> anyhow::Result<Response> {
        let answer = with_token(request, self.token.as_ref()).send().await;
        let answer = answer.map_err(|error| {
            let reason = reason(&error);
            anyhow!("the model API does not answer {url}: {reason}")
        })?;
        ensure!(
            answer.status() != StatusCode::UNAUTHORIZED,
            "the model API refuses {url}: the token is missing or wrong; name the file of the model server's \
             read token with --model-token-file"
        );
        Ok(answer)
    }

    async fn request(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<(String, Response)> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let answer = self.send(&url, self.client.get(&url).query(query)).await?;
        Ok((url, answer))
    }
}

/// The history from versions (newest first) and the decisions on them.
pub fn history_from(definition: &Definition, models: &[ModelView]) -> ModelHistory {
    let mut decisions: Vec<_> = models
        .iter()
        .flat_map(|model| model.decisions.iter().map(move |logged| (model, logged)))
        .collect();
    decisions.sort_by_key(|(_, logged)| logged.sequence);
    let versions = models.iter().rev().map(|model| Version {
        id: model.model_version.clone(),
        rows: model.rows,
        groups: model.groups.to_vec(),
        first_row: model.first_row.as_deref().map(key_of),
        last_row: model.last_row.as_deref().map(key_of),
    });
    let decisions = decisions.into_iter().map(|(model, logged)| Decision {
        version: model.model_version.clone(),
        outcome: Outcome::from(logged.outcome.name()),
        time: logged.time,
        training_started: model.training_started.parse().ok(),
        // A manual request may set only some fields of a trigger. It then matches no trigger of the topic.
        cause: logged.cause.trigger.as_ref().and_then(|trigger| {
            let value = serde_json::to_vec(trigger).ok()?;
            definition.read_trigger(&value).ok()
        }),
        is_refinement: logged.cause.refinement.is_some(),
    });
    ModelHistory {
        versions: versions.collect(),
        decisions: decisions.collect(),
        training_rows: HashMap::new(),
    }
}

/// The key of the record of a row: a row id is the key, `@`, and the time of the actual value.
fn key_of(row_id: &str) -> String {
    row_id
        .rsplit_once('@')
        .map_or(row_id, |(key, _)| key)
        .to_owned()
}

/// Reads the CSV of `GET /models/{version}/rows`. Columns that are neither categories nor numbers are skipped.
///
/// # Errors
/// If it is not CSV with a header, or has no column for the pipeline's group.
fn training_rows(definition: &Definition, file: &str) -> anyhow::Result<TrainingRows> {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let header = reader.headers()?.clone();
    let records = reader.records().collect::<Result<Vec<_>, _>>()?;
    let column = |at: usize| records.iter().filter_map(move |record| record.get(at));
    let texts = |at: usize| column(at).map(str::to_owned).collect();
    let position = |name: &str| header.iter().position(|one| one == name);
    let group = definition.group().map(|group| group.name.as_str());
    let groups = match group {
        Some(name) => {
            let at = position(name);
            texts(at.ok_or_else(|| anyhow::anyhow!("expected a column named {name}"))?)
        }
        None => Vec::new(),
    };
    let categories = definition.categories().map(|column| column.name.as_str());
    let categories: Vec<(String, Vec<String>)> = categories
        .filter(|name| Some(*name) != group)
        .filter_map(|name| Some((name.to_owned(), texts(position(name)?))))
        .collect();
    let is_category =
        |name: &str| Some(name) == group || categories.iter().any(|(category, _)| category == name);
    let numeric = header.iter().enumerate().filter_map(|(at, name)| {
        let values: Result<Vec<f64>, _> = column(at).map(str::parse).collect();
        Some((name.to_owned(), values.ok().filter(|_| !is_category(name))?))
    });
    let numeric = numeric.collect();
    Ok(TrainingRows {
        groups,
        categories,
        numeric,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with the name of the pipeline's group for `GROUP`.
    fn with_group(file: &str) -> String {
        let group = Definition::shipped().group().expect("a group");
        file.replace("GROUP", &group.name)
    }

    #[test]
    fn group_and_numeric_columns_are_read_by_name() {
        let file = "GROUP,length,girth,weight,row_id,timestamp\n\
                    north,86.4,40,4.5,line 2,\n\
                    south,79,38.5,2.2,7@2021-06-09T13:39:37.971Z,2021-06-09T13:39:37.971Z\n";
        let rows = training_rows(Definition::shipped(), &with_group(file)).expect("a CSV file");
        assert_eq!(rows.groups, ["north", "south"]);
        let numeric: Vec<_> = rows
            .numeric
            .iter()
            .map(|(name, values)| (name.as_str(), values.as_slice()))
            .collect();
        assert_eq!(
            numeric,
            [
                ("length", [86.4, 79.0].as_slice()),
                ("girth", &[40.0, 38.5]),
                ("weight", &[4.5, 2.2])
            ]
        );
    }

    #[test]
    fn a_file_without_the_group_or_with_ragged_lines_is_an_error() {
        assert!(training_rows(Definition::shipped(), "length\n1\n").is_err());
        assert!(
            training_rows(Definition::shipped(), &with_group("GROUP,length\nnorth\n")).is_err()
        );
    }
}
