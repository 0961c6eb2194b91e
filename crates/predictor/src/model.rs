//! The model's HTTP API: one pooled client, and the meaning of each status code.

use std::time::{Duration, Instant};

use kafka_io::{Reason, Unavailable};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use service_runtime::server::CLIENT_IDLE;
use tokio::sync::Semaphore;

use crate::config::ModelConfig;
use crate::metrics::ModelMetrics;
use crate::response;

/// A client of the model.
pub(crate) struct Model {
    client: Client,
    one: Url,
    many: Url,
    slots: Semaphore,
    metrics: ModelMetrics,
}

/// Why there is no prediction.
#[derive(Debug)]
pub(crate) enum ModelError {
    /// The request is too large; fewer rows may work.
    TooLarge,
    /// The model rejects the only row of the request.
    Rejected(Reason),
    /// The rows are not the cause.
    Unavailable(Unavailable),
}

/// Why the client cannot be created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelUrlError {
    #[error("invalid --model-url `{0}`: {1}; expected a URL such as http://host:8000")]
    Url(String, String),
    #[error(
        "--model-url `{0}` needs TLS: this program was built without it; build it with `--features tls`"
    )]
    Tls(String),
    #[error("the HTTP client could not be created: {0}")]
    Client(#[from] reqwest::Error),
}

impl Model {
    pub(crate) fn new(config: &ModelConfig, metrics: ModelMetrics) -> Result<Self, ModelUrlError> {
        let base = base_url(&config.url)?;
        let client = Client::builder()
            .connect_timeout(config.connect_timeout)
            .timeout(config.request_timeout)
            .pool_idle_timeout(CLIENT_IDLE)
            .pool_max_idle_per_host(usize::from(config.requests_in_flight))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("catchweight-predictor/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let endpoint = |name| {
            let mut url = base.clone();
            let path = format!("{}/{name}", url.path().trim_end_matches('/'));
            url.set_path(&path);
            url
        };
        Ok(Self {
            client,
            one: endpoint("prediction"),
            many: endpoint("predictions"),
            slots: Semaphore::new(usize::from(config.requests_in_flight)),
            metrics,
        })
    }

    /// `POST /predictions` with a JSON array of rows.
    pub(crate) async fn many(&self, rows: Vec<u8>) -> Result<String, ModelError> {
        let request = self
            .client
            .post(self.many.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(rows);
        self.send(request, "POST", &self.many).await
    }

    /// `GET /prediction` with one row as its query.
    pub(crate) async fn one<'a>(
        &self,
        row: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Result<String, ModelError> {
        let mut url = self.one.clone();
        url.query_pairs_mut().extend_pairs(row);
        self.send(self.client.get(url), "GET", &self.one).await
    }

    async fn send(
        &self,
        request: RequestBuilder,
        method: &str,
        url: &Url,
    ) -> Result<String, ModelError> {
        // Fails only if the semaphore is closed, which never happens.
        let _slot = self.slots.acquire().await;
        let started = Instant::now();
        let (status, answered) = match request.send().await {
            Ok(response) => (
                Some(response.status().as_u16()),
                read(response, method, url).await,
            ),
            Err(error) => (
                None,
                Err(ModelError::Unavailable(unreachable(method, url, &error))),
            ),
        };
        self.metrics.observe(started, status);
        answered
    }
}

/// The URL without the name of an endpoint.
fn base_url(text: &str) -> Result<Url, ModelUrlError> {
    let wrong = |why: &str| ModelUrlError::Url(text.to_owned(), why.to_owned());
    let mut url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    match url.scheme() {
        "http" => {}
        "https" if cfg!(feature = "model-tls") => {}
        "https" => return Err(ModelUrlError::Tls(text.to_owned())),
        _ => return Err(wrong("it must start with http:// or https://")),
    }
    let path = url.path().trim_end_matches('/');
    let path = ["/predictions", "/prediction"]
        .iter()
        .find_map(|endpoint| path.strip_suffix(endpoint))
        .unwrap_or(path)
        .to_owned();
    url.set_path(&path);
    url.set_query(None);
    Ok(url)
}

async fn read(response: Response, method: &str, url: &Url) -> Result<String, ModelError> {
    let status = response.status();
    let retry_after = retry_after(&response);
    let problem = is_problem(&response);
    let text = match response.bytes().await {
        // Copies only invalid UTF-8.
        Ok(bytes) => String::from_utf8(bytes.into())
            .unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned()),
        Err(error) => return Err(ModelError::Unavailable(unreachable(method, url, &error))),
    };
    match status {
        StatusCode::OK => Ok(text),
        StatusCode::PAYLOAD_TOO_LARGE => Err(ModelError::TooLarge),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
            if method == "GET" && problem =>
        {
            Err(ModelError::Rejected(response::reason(
                &text,
                Some(status.as_u16()),
            )))
        }
        _ => Err(ModelError::Unavailable(Unavailable {
            reason: format!(
                "the model at {} answered {method} with {status}: {}",
                without_credentials(url),
                response::shortened(text.trim())
            ),
            retry_after,
        })),
    }
}

/// Whether the response is a problem about the input (RFC 9457), not some proxy's page.
fn is_problem(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"))
}

/// The requested wait. Dates, which are rare, are ignored.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

fn unreachable(method: &str, url: &Url, error: &reqwest::Error) -> Unavailable {
    let mut causes = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes = cause.to_string();
        source = cause.source();
    }
    Unavailable {
        reason: format!(
            "the model at {} does not answer {method}: {causes}",
            without_credentials(url)
        ),
        retry_after: None,
    }
}

/// A URL for logs: without credentials.
fn without_credentials(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs without a host.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_may_include_the_endpoint() {
        for (given, base) in [
            ("http://h:8000", "http://h:8000/"),
            ("http://h:8000/", "http://h:8000/"),
            ("http://h:8000/prediction", "http://h:8000/"),
            ("http://h:8000/api/predictions/", "http://h:8000/api"),
            ("http://h:8000/api?x=1", "http://h:8000/api"),
        ] {
            assert_eq!(base_url(given).expect(given).as_str(), base, "{given}");
        }
        for given in ["h:8000", "ftp://h", "", "http://"] {
            assert!(base_url(given).is_err(), "{given}");
        }
    }

    #[test]
    fn logs_show_no_credentials() {
        let url = Url::parse("http://user:secret@h:8000/prediction").expect("a URL");
        assert_eq!(without_credentials(&url), "http://h:8000/prediction");
    }
}
