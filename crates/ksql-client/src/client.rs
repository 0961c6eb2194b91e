//! ksqlDB's REST API: the requests, time limits, credentials, retries.

use std::future::Future;
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service_runtime::UsageError;
use service_runtime::server::CLIENT_IDLE;

use crate::args::{Credentials, KsqlArgs, ServerUrl};
use crate::error::{Error, Rejection, reason};
use crate::statement::Settings;

const MEDIA_TYPE: &str = "application/vnd.ksql.v1+json";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses between attempts to reach a server that is not up yet.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often to say that the server has not answered yet.
const PROGRESS: Duration = Duration::from_secs(10);

/// The body of `POST /ksql` and `POST /query`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request<'a> {
    /// One or more statements; one for `/query`.
    pub(crate) ksql: &'a str,
    #[serde(flatten)]
    pub(crate) settings: &'a Settings,
    /// The server executes the commands up to this one first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command_sequence_number: Option<i64>,
}

/// The response to `GET /info`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Info {
    pub(crate) version: String,
    /// Usually `RUNNING`.
    pub(crate) server_status: Option<String>,
}

/// A client of one server.
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) server: ServerUrl,
    /// How long the server may take to answer.
    pub(crate) timeout: Duration,
    /// How long to wait for the server to come up, from the creation of this client.
    wait: Duration,
    created: Instant,
    credentials: Option<Credentials>,
}

impl Client {
    /// Creates a client without sending a request.
    pub(crate) fn new(args: &KsqlArgs) -> Result<Self, UsageError> {
        let http = args
            .client
            .builder()?
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

    /// With `--wait`, waits until the server answers `GET /info`.
    ///
    /// The forwarded port of a container accepts and drops connections while no server listens behind
    /// it. `GET /info` can be repeated, but a statement cannot: it may already have been executed.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        if !self.wait.is_zero() {
            self.info().await?;
        }
        Ok(())
    }

    /// `GET /info`.
    pub(crate) async fn info(&self) -> Result<Info, Error> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "KsqlServerInfo")]
            info: Info,
        }
        let answer: Answer = self.get(&["info"]).await?;
        Ok(answer.info)
    }

    /// `GET /is_valid_property/NAME`: an error if clients may not set the property.
    pub(crate) async fn check_property(&self, name: &str) -> Result<(), Error> {
        let _: bool = self.get(&["is_valid_property", name]).await?;
        Ok(())
    }

    /// `GET /status/…` of an accepted command: `{"status", "message", "queryId"}`.
    pub(crate) async fn status(&self, command_id: &str) -> Result<serde_json::Value, Error> {
        // TYPE/NAME/ACTION; a quoted name may contain slashes.
        let parts = command_id.split_once('/').and_then(|(kind, rest)| {
            let (name, action) = rest.rsplit_once('/')?;
            Some([kind, name, action])
        });
        let Some([kind, name, action]) = parts else {
            return Err(Error::Reply(format!(
                "commandId `{command_id}`, expected TYPE/NAME/ACTION"
            )));
        };
        self.get(&["status", kind, name, action]).await
    }

    /// `POST /ksql`: one entity for each statement that has a result, as the server wrote it.
    pub(crate) async fn execute(&self, request: &Request<'_>) -> Result<Vec<Box<RawValue>>, Error> {
        let response = self.post("ksql", request).await?;
        self.json(response).await
    }

    /// `POST /query`: the response body lasts as long as the query. Dropping it ends the query.
    pub(crate) async fn query(&self, request: &Request<'_>) -> Result<Body, Error> {
        Ok(Body(self.post("query", request).await?))
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Error> {
        let url = self.server.endpoint(path);
        let retry = |error: &Error| error.is_not_ready() || matches!(error, Error::Dropped { .. });
        let response = self.send(retry, || self.http.get(url.clone())).await?;
        self.json(response).await
    }

    async fn post(&self, endpoint: &str, body: &Request<'_>) -> Result<Response, Error> {
        let url = self.server.endpoint(&[endpoint]);
        let request = || {
            let request = self.http.post(url.clone());
            // `json` keeps a content type that is already set.
            request.header("content-type", MEDIA_TYPE).json(body)
        };
        self.send(Error::is_not_ready, request).await
    }

    /// Sends a request. Until `--wait` has elapsed, repeats it after an error that `retry` accepts.
    async fn send(
        &self,
        retry: impl Fn(&Error) -> bool,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, Error> {
        let mut pause = FIRST_PAUSE;
        let mut logged = false;
        loop {
            let error = match self.send_once(request()).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let left = self.wait.saturating_sub(self.created.elapsed());
            if !retry(&error) || left.is_zero() {
                return Err(error);
            }
            if !std::mem::replace(&mut logged, true) {
                tracing::warn!("waiting up to {} s: {error}", self.wait.as_secs());
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn send_once(&self, request: RequestBuilder) -> Result<Response, Error> {
        let mut request = request.header("accept", MEDIA_TYPE);
        if let Some(Credentials { user, password }) = &self.credentials {
            request = request.basic_auth(user, Some(&password.0));
        }
        let response = self.in_time(request.send()).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = self.in_time(response.text()).await?;
        Err(match serde_json::from_str::<Rejection>(&text) {
            Ok(rejection) => Error::Rejected(rejection),
            Err(_) => self.not_ksqldb(status, &text),
        })
    }

    async fn json<T: DeserializeOwned>(&self, response: Response) -> Result<T, Error> {
        let status = response.status();
        let text = self.in_time(response.text()).await?;
        serde_json::from_str(&text).map_err(|_| self.not_ksqldb(status, &text))
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, reqwest::Error>>,
    ) -> Result<T, Error> {
        let server = || self.server.to_string();
        let answer = self.with_progress(answer);
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.is_connect() => Err(Error::Unreachable {
                server: server(),
                reason: reason(&error),
            }),
            Ok(Err(error)) => Err(Error::Dropped {
                server: server(),
                reason: reason(&error),
            }),
            Err(_) => Err(Error::Timeout {
                server: server(),
                seconds: self.timeout.as_secs(),
            }),
        }
    }

    /// Logs from time to time that there is no answer yet. A busy server takes minutes for some statements.
    async fn with_progress<T>(&self, answer: impl Future<Output = T>) -> T {
        tokio::pin!(answer);
        let began = Instant::now();
        loop {
            match tokio::time::timeout(PROGRESS, &mut answer).await {
                Ok(answer) => return answer,
                Err(_) => tracing::warn!(
                    "{} has not answered for {} s; the limit is {} s (--timeout)",
                    self.server,
                    began.elapsed().as_secs(),
                    self.timeout.as_secs()
                ),
            }
        }
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

/// The body of a query's response.
pub(crate) struct Body(Response);

impl Body {
    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Error> {
        let broken = |error| {
            Error::Reply(format!(
                "the connection was interrupted: {}",
                reason(&error)
            ))
        };
        self.0.chunk().await.map_err(broken)
    }
}
