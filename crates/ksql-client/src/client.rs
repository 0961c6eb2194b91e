//! ksqlDB's REST API over HTTP.

use std::future::Future;
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response, StatusCode, Url, redirect};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service_runtime::UsageError;

use crate::args::{Credentials, KsqlArgs, ServerUrl};
use crate::error::{Error, Rejection, reason};
use crate::settings::Settings;

const MEDIA_TYPE: &str = "application/vnd.ksql.v1+json";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses between attempts at a server that is not up yet.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The body of `POST /ksql` and `POST /query`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    /// One or more statements; for `/query` one.
    pub ksql: &'a str,
    /// What was set before.
    #[serde(flatten)]
    pub settings: &'a Settings,
    /// The server first executes the commands up to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_sequence_number: Option<i64>,
}

/// `GET /info`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// The server's version.
    pub version: String,
    /// `RUNNING`, as a rule.
    pub server_status: Option<String>,
}

/// A server.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    server: ServerUrl,
    credentials: Option<Credentials>,
    timeout: Duration,
    wait: Duration,
    created: Instant,
}

impl Client {
    /// A client with the server, credentials and limits of the settings. Nothing is sent yet.
    ///
    /// # Errors
    /// Where the credentials cannot be used, or TLS cannot be set up.
    pub fn new(args: &KsqlArgs) -> Result<Self, UsageError> {
        #[cfg(feature = "tls")]
        {
            // An error means that another part of the process has chosen one already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::limited(3))
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| UsageError(format!("HTTP cannot be set up: {}", reason(&error))))?;
        Ok(Self {
            http,
            server: args.server.clone(),
            credentials: args.credentials()?,
            timeout: Duration::from_secs(args.timeout),
            wait: Duration::from_secs(args.wait),
            created: Instant::now(),
        })
    }

    /// The server's address.
    pub fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// How long the server may take to answer.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Where the server may be waited for: waits until it answers `GET /info`.
    ///
    /// A forwarded port, as a container's is, takes connections and drops them while nothing listens
    /// behind it. A question can be asked again then; a statement may have been executed.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn ready(&self) -> Result<(), Error> {
        if !self.wait.is_zero() {
            self.info().await?;
        }
        Ok(())
    }

    /// `GET /info`.
    ///
    /// # Errors
    /// Those of every call: the server cannot be reached, is late, refuses, or is none.
    pub async fn info(&self) -> Result<Info, Error> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "KsqlServerInfo")]
            info: Info,
        }
        let answer: Answer = self.get(&["info"]).await?;
        Ok(answer.info)
    }

    /// `GET /is_valid_property/NAME`: an error where the server does not let a client set it.
    ///
    /// # Errors
    /// Those of every call; most of all the server's refusal.
    pub async fn check_property(&self, name: &str) -> Result<(), Error> {
        let _: bool = self.get(&["is_valid_property", name]).await?;
        Ok(())
    }

    /// `GET /status/…` of a command that the server has accepted: `{"status", "message", "queryId"}`.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn status(&self, command_id: &str) -> Result<serde_json::Value, Error> {
        // TYPE/NAME/ACTION, where a quoted name may have slashes.
        let parts = command_id.split_once('/').and_then(|(kind, rest)| {
            let (name, action) = rest.rsplit_once('/')?;
            Some([kind, name, action])
        });
        let Some([kind, name, action]) = parts else {
            return Err(Error::Reply(format!(
                "commandId `{command_id}` is not TYPE/NAME/ACTION"
            )));
        };
        self.get(&["status", kind, name, action]).await
    }

    /// `POST /ksql`: an entity for each statement that yields one, as the server wrote it.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn execute(&self, request: &Request<'_>) -> Result<Vec<Box<RawValue>>, Error> {
        let response = self
            .send(Error::is_not_ready, || self.post("ksql", request))
            .await?;
        self.json(response).await
    }

    /// `POST /query`: the reply, whose body goes on for as long as the query runs.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn query(&self, request: &Request<'_>) -> Result<Reply, Error> {
        let response = self
            .send(Error::is_not_ready, || self.post("query", request))
            .await?;
        Ok(Reply { response })
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &[&str]) -> Result<T, Error> {
        let url = self.server.endpoint(path);
        let again = |error: &Error| error.is_not_ready() || matches!(error, Error::Dropped { .. });
        let response = self.send(again, || self.http.get(url.clone())).await?;
        self.json(response).await
    }

    fn post(&self, endpoint: &str, request: &Request<'_>) -> RequestBuilder {
        let url: Url = self.server.endpoint(&[endpoint]);
        // Before `json`, which leaves a content type that is there already.
        self.http
            .post(url)
            .header("content-type", MEDIA_TYPE)
            .json(request)
    }

    /// Sends, again and again while the error is one of those and the server may be waited for.
    async fn send(
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
                tracing::warn!("waiting up to {} s: {error}", left.as_secs());
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

    async fn json<T: serde::de::DeserializeOwned>(&self, response: Response) -> Result<T, Error> {
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

/// The body of a query's reply, as it comes. Dropped, it ends the query.
#[derive(Debug)]
pub struct Reply {
    response: Response,
}

impl Reply {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn next(&mut self) -> Result<Option<impl AsRef<[u8]>>, Error> {
        self.response.chunk().await.map_err(|error| broken(&error))
    }
}

fn broken(error: &reqwest::Error) -> Error {
    Error::Reply(format!("the connection broke off: {}", reason(error)))
}
