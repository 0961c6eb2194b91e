//! Sending a body over HTTP, with retries.

use std::error::Error;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url, redirect};
use service_runtime::server::CLIENT_IDLE;

use super::status::StatusSet;
use crate::ConfigError;
use crate::options::{Options, Setting};

/// How much of an answer is kept, in bytes: it goes into logs, headers and reports.
const LARGEST_ANSWER: usize = 64 << 10;

/// Where and how bodies are sent.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    /// Tries after the first.
    pub(super) retries: u32,
    /// The pause before each of them.
    pub(super) backoff: Duration,
    /// The statuses that are tried again; others from 400 are given up at once.
    pub(super) retried: StatusSet,
}

/// The URL in an option; only plain HTTP is built in.
pub(super) fn url(options: &Options, option: &str, setting: &Setting) -> Result<Url, ConfigError> {
    match Url::parse(&setting.value) {
        Ok(url) if url.scheme() == "http" => Ok(url),
        _ => Err(options.refuse(
            option,
            format_args!("`{}` is not a URL that begins with http://", setting.raw),
        )),
    }
}

/// An answer of the server.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

/// Why a body was given up.
#[derive(Debug)]
pub(super) struct GivenUp {
    pub(super) reason: String,
    /// The last answer, where there was one.
    pub(super) answer: Option<Answer>,
}

/// Sends bodies to a target.
pub(super) struct Poster {
    connector: String,
    client: reqwest::Client,
    target: Target,
}

impl Poster {
    pub(super) fn new(connector: &str, target: Target) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            // The real sinks follow no redirect either.
            .redirect(redirect::Policy::none())
            .connect_timeout(target.connect_timeout)
            .timeout(target.timeout)
            .pool_idle_timeout(CLIENT_IDLE)
            .build()?;
        Ok(Self {
            connector: connector.to_owned(),
            client,
            target,
        })
    }

    /// Sends `body` until the server takes it (a status below 400) or no try is left.
    pub(super) async fn send(&self, body: &str) -> Result<Answer, GivenUp> {
        let mut left = self.target.retries;
        loop {
            let failed = match self.once(body).await {
                Ok(answer) if answer.status.as_u16() < 400 => return Ok(answer),
                Ok(answer) => GivenUp {
                    reason: format!("the server answered {}: {}", answer.status, answer.body),
                    answer: Some(answer),
                },
                Err(error) => GivenUp {
                    reason: chain(&error.without_url()),
                    answer: None,
                },
            };
            let retried = failed
                .answer
                .as_ref()
                .is_none_or(|answer| self.target.retried.contains(answer.status));
            if !retried || left == 0 {
                return Err(failed);
            }
            if left == self.target.retries {
                tracing::warn!(
                    connector = self.connector,
                    reason = failed.reason,
                    retries = left,
                    "trying again"
                );
            }
            left -= 1;
            tokio::time::sleep(self.target.backoff).await;
        }
    }

    async fn once(&self, body: &str) -> reqwest::Result<Answer> {
        let mut answer = self
            .client
            .request(self.target.method.clone(), self.target.url.clone())
            .headers(self.target.headers.clone())
            .body(body.to_owned())
            .send()
            .await?;
        let mut body = Vec::new();
        while body.len() < LARGEST_ANSWER
            && let Some(part) = answer.chunk().await?
        {
            body.extend_from_slice(&part);
        }
        body.truncate(LARGEST_ANSWER);
        Ok(Answer {
            status: answer.status(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

/// An error with its causes: reqwest's own text leaves them out.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
