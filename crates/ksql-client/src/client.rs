//! ksqlDB's REST API over HTTP.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service_runtime::UsageError;

use crate::args::{KsqlArgs, ServerUrl};
use crate::error::{Error, reason};
use crate::settings::Settings;
use crate::transport::{MEDIA_TYPE, Transport};

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
    transport: Transport,
}

impl Client {
    /// A client with the server, credentials and limits of the settings. Nothing is sent yet.
    ///
    /// # Errors
    /// Where the credentials cannot be used, or TLS cannot be set up.
    pub fn new(args: &KsqlArgs) -> Result<Self, UsageError> {
        let transport = Transport::new(args)?;
        Ok(Self { transport })
    }

    /// The server's address.
    pub fn server(&self) -> &ServerUrl {
        &self.transport.server
    }

    /// How long the server may take to answer.
    pub fn timeout(&self) -> Duration {
        self.transport.timeout
    }

    /// Where the server may be waited for: waits until it answers `GET /info`.
    ///
    /// A forwarded port, as a container's is, takes connections and drops them while nothing listens
    /// behind it. A question can be asked again then; a statement may have been executed.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn ready(&self) -> Result<(), Error> {
        if !self.transport.wait.is_zero() {
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
            .transport
            .send(Error::is_not_ready, || self.post("ksql", request))
            .await?;
        self.transport.json(response).await
    }

    /// `POST /query`: the reply, whose body goes on for as long as the query runs.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn query(&self, request: &Request<'_>) -> Result<Reply, Error> {
        let response = self
            .transport
            .send(Error::is_not_ready, || self.post("query", request))
            .await?;
        Ok(Reply { response })
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &[&str]) -> Result<T, Error> {
        let url = self.transport.server.endpoint(path);
        let again = |error: &Error| error.is_not_ready() || matches!(error, Error::Dropped { .. });
        let response = self
            .transport
            .send(again, || self.transport.http.get(url.clone()))
            .await?;
        self.transport.json(response).await
    }

    fn post(&self, endpoint: &str, request: &Request<'_>) -> RequestBuilder {
        let url = self.transport.server.endpoint(&[endpoint]);
        // Before `json`, which leaves a content type that is there already.
        self.transport
            .http
            .post(url)
            .header("content-type", MEDIA_TYPE)
            .json(request)
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
