//! Sending a body over HTTP, with retries.

use std::error::Error;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Url, redirect};
use service_runtime::server::CLIENT_IDLE;

use crate::ConfigError;
use crate::options::{Options, Setting};

/// The maximum number of bytes to keep of a response, which goes into logs and headers.
const MAX_RESPONSE: usize = 64 << 10;

/// The target of requests, and how to send them.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// For connecting, and for a whole request.
    pub(super) timeout: Duration,
    /// Attempts after the first.
    pub(super) retries: u32,
    /// The pause before each retry.
    pub(super) backoff: Duration,
}

/// The URL in an option. Only plain HTTP is supported.
pub(super) fn url(options: &Options, option: &str, setting: &Setting) -> Result<Url, ConfigError> {
    match Url::parse(&setting.value) {
        Ok(url) if url.scheme() == "http" => Ok(url),
        _ => Err(options.refuse(
            option,
            format_args!("`{}` is not a URL that begins with http://", setting.raw),
        )),
    }
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
            // The real sink does not follow redirects either.
            .redirect(redirect::Policy::none())
            .connect_timeout(target.timeout)
            .timeout(target.timeout)
            .pool_idle_timeout(CLIENT_IDLE)
            .build()?;
        Ok(Self {
            connector: connector.to_owned(),
            client,
            target,
        })
    }

    /// Sends `body` until the server accepts it (a status below 400) or no retries remain.
    ///
    /// # Errors
    /// Why the last attempt failed.
    pub(super) async fn send(&self, body: &str) -> Result<(), String> {
        let mut left = self.target.retries;
        loop {
            let reason = match self.once(body).await {
                Ok(None) => return Ok(()),
                Ok(Some(reason)) => reason,
                Err(error) => chain(&error.without_url()),
            };
            if left == 0 {
                return Err(reason);
            }
            if left == self.target.retries {
                let connector = &self.connector;
                tracing::warn!(
                    connector,
                    reason,
                    retries = left,
                    "sending failed: retrying"
                );
            }
            left -= 1;
            tokio::time::sleep(self.target.backoff).await;
        }
    }

    /// Why the server rejected the body, if it did.
    async fn once(&self, body: &str) -> reqwest::Result<Option<String>> {
        let request = self.client.post(self.target.url.clone());
        let request = request.headers(self.target.headers.clone());
        let mut response = request.body(body.to_owned()).send().await?;
        let mut text = Vec::new();
        while text.len() < MAX_RESPONSE
            && let Some(part) = response.chunk().await?
        {
            text.extend_from_slice(&part);
        }
        text.truncate(MAX_RESPONSE);
        let status = response.status();
        let text = String::from_utf8_lossy(&text);
        let rejected = status.as_u16() >= 400;
        Ok(rejected.then(|| format!("the server answered {status}: {text}")))
    }
}

/// An error with its causes, which reqwest's own text omits.
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
