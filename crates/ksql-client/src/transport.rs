//! One request to the server and its answer: limits, credentials, waiting, and what went wrong.

use std::future::Future;
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response, StatusCode, redirect};
use service_runtime::UsageError;
use service_runtime::server::CLIENT_IDLE;

use crate::args::{Credentials, KsqlArgs, ServerUrl};
use crate::error::{Error, Rejection, reason};

pub(crate) const MEDIA_TYPE: &str = "application/vnd.ksql.v1+json";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses between attempts at a server that is not up yet.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The way to a server.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    pub(crate) server: ServerUrl,
    /// How long the server may take to answer.
    pub(crate) timeout: Duration,
    /// How long after the creation a server may not be up yet.
    pub(crate) wait: Duration,
    created: Instant,
    credentials: Option<Credentials>,
}

impl Transport {
    pub(crate) fn new(args: &KsqlArgs) -> Result<Self, UsageError> {
        #[cfg(feature = "tls")]
        {
            // An error means that another part of the process has chosen one already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::limited(3))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(CLIENT_IDLE)
            .build()
            .map_err(|error| UsageError(format!("HTTP cannot be set up: {}", reason(&error))))?;
        Ok(Self {
            http,
            server: args.server.clone(),
            timeout: Duration::from_secs(args.timeout),
            wait: Duration::from_secs(args.wait),
            created: Instant::now(),
            credentials: args.credentials()?,
        })
    }

    /// Sends, again and again while the error is one of those and the server may be waited for.
    pub(crate) async fn send(
        &self,
        again: impl Fn(&Error) -> bool,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, Error> {
        let mut pause = FIRST_PAUSE;
        let mut told = false;
        loop {
            let error = match self.attempt(request()).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let left = self.wait.saturating_sub(self.created.elapsed());
            if !again(&error) || left.is_zero() {
                return Err(error);
            }
            if !std::mem::replace(&mut told, true) {
                tracing::warn!("waiting up to {} s: {error}", self.wait.as_secs());
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&self, request: RequestBuilder) -> Result<Response, Error> {
        let mut request = request.header("accept", MEDIA_TYPE);
        if let Some(Credentials { user, password }) = &self.credentials {
            request = request.basic_auth(user, Some(&password.0));
        }
        let response = self.in_time(request.send()).await??;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = self.text(response).await?;
        Err(match serde_json::from_str::<Rejection>(&text) {
            Ok(rejection) => Error::Rejected(rejection),
            Err(_) => self.not_ksqldb(status, &text),
        })
    }

    pub(crate) async fn json<T: serde::de::DeserializeOwned>(
        &self,
        response: Response,
    ) -> Result<T, Error> {
        let status = response.status();
        let text = self.text(response).await?;
        serde_json::from_str(&text).map_err(|_| self.not_ksqldb(status, &text))
    }

    async fn text(&self, response: Response) -> Result<String, Error> {
        self.in_time(response.text()).await?
    }

    async fn in_time<F, T>(&self, answer: F) -> Result<Result<T, Error>, Error>
    where
        F: Future<Output = Result<T, reqwest::Error>>,
    {
        let late = |_| Error::Timeout {
            server: self.server.to_string(),
            seconds: self.timeout.as_secs(),
        };
        let answer = tokio::time::timeout(self.timeout, answer)
            .await
            .map_err(late)?;
        Ok(answer.map_err(|error| match error.is_connect() {
            true => Error::Unreachable {
                server: self.server.to_string(),
                reason: reason(&error),
            },
            false => Error::Dropped {
                server: self.server.to_string(),
                reason: reason(&error),
            },
        }))
    }

    fn not_ksqldb(&self, status: StatusCode, text: &str) -> Error {
        let text: String = text.trim().chars().take(200).collect();
        Error::NotKsqlDb {
            server: self.server.to_string(),
            status: status.as_u16(),
            text: if text.is_empty() {
                "nothing".into()
            } else {
                text
            },
        }
    }
}
