//! `POST /actions`: forwards the action of the page's form to the model server. The token is not stored.

use std::time::Duration;

use anyhow::Context;
use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use service_runtime::client::{ModelClientArgs, reason, with_token};
use service_runtime::server::CLIENT_IDLE;
use service_runtime::{Token, UsageError, origin};

use super::{Site, page};
use crate::metrics::{ActionLabels, Metrics};

/// Timeout of a request to the model server: a training waits until the row that it needs is stored.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    /// Train on the newest rows.
    Train,
    /// Make the chosen version live.
    Activate,
    /// Make the chosen version live and pin it.
    Pin,
    /// Unpin the live version.
    Unpin,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Activate => "activate",
            Self::Pin => "pin",
            Self::Unpin => "unpin",
        }
    }
}

/// Has no `Debug`, because the token is a secret.
#[derive(Deserialize)]
pub(super) struct ActionForm {
    action: Action,
    #[serde(default)]
    version: String,
    #[serde(default)]
    token: String,
}

/// The result of an action.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Outcome {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, message }
    }
}

/// Client of the model server's actions; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Actions {
    client: reqwest::Client,
    /// The read token of the model server.
    token: Option<Token>,
    base: Url,
    metrics: Metrics,
}

impl Actions {
    pub(crate) fn new(
        model_url: &str,
        access: &ModelClientArgs,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let client = access
            .client
            .builder()?
            .pool_idle_timeout(CLIENT_IDLE)
            .timeout(TIMEOUT)
            .build();
        let base = Url::parse(model_url).ok();
        let base = base.filter(|url| !url.cannot_be_a_base()).ok_or_else(|| {
            UsageError(format!(
                "--model-url {model_url}: expected a URL such as http://localhost:8000"
            ))
        })?;
        Ok(Self {
            client: client.context("cannot create an HTTP client")?,
            token: access.token()?,
            base,
            metrics,
        })
    }

    async fn perform(&self, form: ActionForm) -> Outcome {
        let action = form.action;
        let chosen = form.version.trim();
        if matches!(action, Action::Activate | Action::Pin) && chosen.is_empty() {
            return Outcome::new(StatusCode::BAD_REQUEST, "Choose a version.");
        }
        let request = async {
            let live;
            let version = match action {
                // The model server unpins a version when it is made live without a pin.
                Action::Unpin => {
                    live = self.live_version().await?;
                    live.as_str()
                }
                _ => chosen,
            };
            let request = self.client.post(self.url(action, version));
            let request = match form.token.as_str() {
                "" => with_token(request, self.token.as_ref()),
                token => request.bearer_auth(token),
            };
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
        };
        match request.await {
            Ok((status, body)) => {
                let body: Value = serde_json::from_str(&body).unwrap_or_default();
                Outcome::new(status, describe(action, status, &body))
            }
            Err(error) => {
                let error = reason(&error.without_url());
                tracing::warn!(%error, action = action.name(), "the model server did not answer");
                let message = format!("The model server did not answer: {error}.");
                Outcome::new(StatusCode::BAD_GATEWAY, message)
            }
        }
    }

    async fn live_version(&self) -> Result<String, reqwest::Error> {
        let request = self.client.get(self.at(&["models", "live"]));
        let request = with_token(request, self.token.as_ref());
        let live: Value = request.send().await?.error_for_status()?.json().await?;
        let version = live.get("ModelVersion").and_then(Value::as_str);
        Ok(version.unwrap_or_default().to_owned())
    }

    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn url(&self, action: Action, version: &str) -> Url {
        if action == Action::Train {
            return self.at(&["train"]);
        }
        let mut url = self.at(&["models", version, "activate"]);
        match action {
            Action::Pin => url.set_query(Some("pin=true")),
            Action::Unpin => url.set_query(Some("pin=false")),
            Action::Train | Action::Activate => {}
        }
        url
    }
}

/// The model server's answer as a sentence.
fn describe(action: Action, status: StatusCode, body: &Value) -> String {
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let version = text("ModelVersion").unwrap_or("?");
    if status == StatusCode::UNAUTHORIZED {
        return "Refused: the token is not the model server's train token.".to_owned();
    }
    if !status.is_success() {
        let reason = text("detail").unwrap_or("the model server gave no reason");
        return format!("Failed ({}): {reason}.", status.as_u16());
    }
    match action {
        Action::Train => describe_training(version, body),
        Action::Activate => format!("Model {version} is live."),
        Action::Pin => format!("Model {version} is live and pinned."),
        Action::Unpin => format!("Model {version} is live and not pinned."),
    }
}

fn describe_training(version: &str, body: &Value) -> String {
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let rows = body.get("Rows").and_then(Value::as_u64).unwrap_or_default();
    let outcome = text("Outcome").unwrap_or("?");
    let live = text("LiveVersion").unwrap_or(version);
    let reason = text("Reason").map_or_else(String::new, |reason| format!(" ({reason})"));
    match outcome {
        "activated" => format!("Trained on {rows} rows: model {version} is live{reason}."),
        "rejected" => format!(
            "Trained on {rows} rows: model {version} is not better; model {live} stays live{reason}."
        ),
        "pinned" if rows == 0 => {
            format!("Nothing was trained: model {live} is pinned and stays live.")
        }
        "unchanged" => format!(
            "Nothing changed: the newest rows gave model {version} before; model {live} stays live{reason}."
        ),
        other if rows == 0 => {
            format!("Nothing was trained ({other}): model {live} stays live{reason}.")
        }
        other => format!("Trained on {rows} rows ({other}): model {live} is live{reason}."),
    }
}

/// Performs an action. Answers with text to the page's script, otherwise with a page.
pub(super) async fn post(
    State(site): State<Site>,
    headers: HeaderMap,
    Form(form): Form<ActionForm>,
) -> Response {
    let action = form.action.name();
    let outcome = if origin::is_foreign(&headers) {
        let message = "Refused: the request comes from another site.";
        Outcome::new(StatusCode::FORBIDDEN, message)
    } else {
        site.actions.perform(form).await
    };
    // A refused action changes nothing, so callers without the token cannot cause rendering.
    if outcome.status.is_success() {
        site.renderer.refresh().await;
    }
    let status = outcome.status.as_u16();
    let labels = ActionLabels { action, status };
    site.actions.metrics.actions.get_or_create(&labels).inc();
    tracing::info!(action, status, "performed an action");
    let accept = headers.get(header::ACCEPT);
    if accept.is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain")) {
        return (outcome.status, outcome.message).into_response();
    }
    let page = Html(page::result(&outcome).into_string());
    (outcome.status, page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_is_described_by_its_outcome() {
        for (outcome, rows, expected) in [
            ("activated", 50, "Trained on 50 rows: model new is live."),
            (
                "pinned",
                0,
                "Nothing was trained: model old is pinned and stays live.",
            ),
            (
                "superseded",
                0,
                "Nothing was trained (superseded): model old stays live.",
            ),
            (
                "rejected",
                50,
                "Trained on 50 rows: model new is not better; model old stays live.",
            ),
        ] {
            let live = if outcome == "activated" { "new" } else { "old" };
            let body = serde_json::json!({"Outcome": outcome, "ModelVersion": "new",
                "LiveVersion": live, "Rows": rows});
            assert_eq!(describe(Action::Train, StatusCode::OK, &body), expected);
        }
    }
}
