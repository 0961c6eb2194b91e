//! `POST /actions`: what the page's form asks of the model server. The token goes to the model server
//! and is kept nowhere.

use std::time::Duration;

use anyhow::Context;
use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use service_runtime::origin;
use service_runtime::server::CLIENT_IDLE;

use super::{Site, page};
use crate::metrics::{ActionLabels, Metrics};

/// How long the model server may take: a training waits for the row that it needs.
const ANSWER: Duration = Duration::from_secs(30);

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    /// Train on the newest rows.
    Train,
    /// Make the chosen version live.
    Activate,
    /// Make the chosen version live and hold it there.
    Pin,
    /// Let triggers replace the chosen version again, which is the live one.
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

/// The form. Its token is a secret: there is no `Debug`.
#[derive(Deserialize)]
pub(super) struct Asked {
    action: Action,
    #[serde(default)]
    version: String,
    #[serde(default)]
    token: String,
}

/// How an action ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

/// The way to the model server's actions; clones share the client.
#[derive(Clone, Debug)]
pub(crate) struct Actions {
    client: reqwest::Client,
    base: Url,
    metrics: Metrics,
}

impl Actions {
    pub(crate) fn new(model_url: &str, metrics: Metrics) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .pool_idle_timeout(CLIENT_IDLE)
            .timeout(ANSWER)
            .build();
        let base = Url::parse(model_url)
            .ok()
            .filter(|url| !url.cannot_be_a_base())
            .ok_or_else(|| service_runtime::UsageError(format!("`{model_url}` is no URL")))?;
        Ok(Self {
            client: client.context("no HTTP client can be made")?,
            base,
            metrics,
        })
    }

    async fn carry_out(&self, asked: Asked) -> Ended {
        let Asked {
            action,
            version,
            token,
        } = asked;
        let version = version.trim();
        if action != Action::Train && version.is_empty() {
            let message = "Choose a version.".to_owned();
            return Ended {
                status: StatusCode::BAD_REQUEST,
                message,
            };
        }
        let mut request = self.client.post(self.url(action, version));
        if !token.is_empty() {
            request = request.bearer_auth(&token);
        }
        let answered = async {
            // The model server has one way to unpin: to make a version live without a pin.
            if action == Action::Unpin && !self.is_live(version).await? {
                let detail =
                    format!("model {version} is not live, and only the live one is pinned");
                let body = serde_json::json!({ "detail": detail }).to_string();
                return Ok((StatusCode::CONFLICT, body));
            }
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
        };
        match answered.await {
            Ok((status, body)) => {
                let body: Value = serde_json::from_str(&body).unwrap_or_default();
                Ended {
                    status,
                    message: said(action, status, &body),
                }
            }
            Err(error) => {
                let error = error.without_url();
                tracing::warn!(%error, action = action.name(), "the model server did not answer");
                Ended {
                    status: StatusCode::BAD_GATEWAY,
                    message: format!("The model server did not answer: {error}."),
                }
            }
        }
    }

    /// Whether the model server says that a version is the live one.
    async fn is_live(&self, version: &str) -> Result<bool, reqwest::Error> {
        let answer = self.client.get(self.at(&["models", "live"])).send().await?;
        let live: Value = answer.error_for_status()?.json().await?;
        Ok(live.get("ModelVersion").and_then(Value::as_str) == Some(version))
    }

    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn url(&self, action: Action, version: &str) -> Url {
        let mut url = match action {
            Action::Train => self.at(&["train"]),
            _ => self.at(&["models", version, "activate"]),
        };
        let pin = match action {
            Action::Pin => Some("true"),
            Action::Unpin => Some("false"),
            Action::Train | Action::Activate => None,
        };
        if let Some(pin) = pin {
            url.query_pairs_mut().append_pair("pin", pin);
        }
        url
    }
}

/// The answer in words.
fn said(action: Action, status: StatusCode, body: &Value) -> String {
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let version = text("ModelVersion").unwrap_or("?");
    match status {
        StatusCode::UNAUTHORIZED => {
            "Refused: the token is not the model server's train token.".to_owned()
        }
        _ if !status.is_success() => format!(
            "Not done ({}): {}.",
            status.as_u16(),
            text("detail").unwrap_or("the model server gave no reason")
        ),
        _ => match action {
            Action::Train => trained(version, body),
            Action::Activate => format!("Model {version} is live."),
            Action::Pin => format!("Model {version} is live and pinned."),
            Action::Unpin => format!("Model {version} is live and not pinned."),
        },
    }
}

/// What a training came to. Where nothing was trained there are no rows to tell of.
fn trained(version: &str, body: &Value) -> String {
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
            "Nothing changed: the newest rows made model {version} before; model {live} stays live{reason}."
        ),
        other if rows == 0 => {
            format!("Nothing was trained ({other}): model {live} stays live{reason}.")
        }
        other => format!("Trained on {rows} rows ({other}): model {live} is live{reason}."),
    }
}

/// Carries an action out and says how it ended: as text for the page's script, else as a page.
pub(super) async fn post(
    State(site): State<Site>,
    headers: HeaderMap,
    Form(asked): Form<Asked>,
) -> Response {
    let action = asked.action;
    let ended = if origin::is_foreign(&headers) {
        Ended {
            status: StatusCode::FORBIDDEN,
            message: "Refused: the request comes from another site's page.".to_owned(),
        }
    } else {
        let ended = site.actions.carry_out(asked).await;
        // What was refused has changed nothing: nobody without the token makes the page render.
        if ended.status.is_success() {
            site.looks.refresh().await;
        }
        ended
    };
    let labels = ActionLabels {
        action: action.name(),
        status: ended.status.as_u16(),
    };
    site.actions.metrics.actions.get_or_create(&labels).inc();
    tracing::info!(action = labels.action, status = labels.status, "an action");
    let accept = headers.get(header::ACCEPT);
    if accept.is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain")) {
        return (ended.status, ended.message).into_response();
    }
    (ended.status, Html(page::result(&ended).into_string())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_training_came_to_is_told_without_rows_where_nothing_was_trained() {
        let said = |outcome: &str, rows: u64| {
            let body = serde_json::json!({"Outcome": outcome, "ModelVersion": "new",
                "LiveVersion": if outcome == "activated" { "new" } else { "old" }, "Rows": rows});
            said(Action::Train, StatusCode::OK, &body)
        };
        assert_eq!(
            said("activated", 50),
            "Trained on 50 rows: model new is live."
        );
        assert_eq!(
            said("pinned", 0),
            "Nothing was trained: model old is pinned and stays live."
        );
        assert_eq!(
            said("superseded", 0),
            "Nothing was trained (superseded): model old stays live."
        );
        assert!(said("rejected", 50).ends_with("model old stays live."));
    }
}
