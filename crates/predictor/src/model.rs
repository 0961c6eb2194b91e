//! The model's HTTP API: one pooled client, and the meaning of each status code.

use std::time::{Duration, Instant};

use kafka_io::{Reason, Unavailable};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use service_runtime::client::{reason, with_token};
use service_runtime::server::CLIENT_IDLE;
use service_runtime::{Token, UsageError};
use tokio::sync::Semaphore;

use crate::config::ModelConfig;
use crate::metrics::ModelMetrics;
use crate::response;

/// A client of the model.
pub(crate) struct Model {
    client: Client,
    token: Option<Token>,
    one: Url,
    many: Url,
    slots: Semaphore,
    metrics: ModelMetrics,
    /// The longest answer for one row, in bytes.
    row_bytes: usize,
}

/// The longest answer to a request without rows, and of an answer that is not a prediction, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;
/// The longest answer for one row without features, in bytes. The model server's answers have about 200.
const ROW_BYTES: usize = 1024;
/// What each feature adds to it: an error about a feature names the feature and says what is wrong.
const FEATURE_BYTES: usize = 256;

/// Why there is no prediction.
#[derive(Debug)]
pub(crate) enum ModelError {
    /// The request is too large; fewer rows may work.
    TooLarge,
    /// The model rejects the request; if it has one row, the model rejects the row.
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
    #[error(transparent)]
    Access(#[from] UsageError),
    #[error("the HTTP client could not be created: {0}")]
    Client(#[from] reqwest::Error),
}

impl Model {
    /// A client for requests with this number of features in each row.
    pub(crate) fn new(
        config: &ModelConfig,
        features: usize,
        metrics: ModelMetrics,
    ) -> Result<Self, ModelUrlError> {
        let base = base_url(&config.url)?;
        let client = config
            .access
            .client
            .builder()?
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
            token: config.access.token()?,
            one: endpoint("prediction"),
            many: endpoint("predictions"),
            slots: Semaphore::new(usize::from(config.requests_in_flight)),
            metrics,
            row_bytes: ROW_BYTES + FEATURE_BYTES * features,
        })
    }

    /// `POST /predictions` with a JSON array of `count` rows.
    pub(crate) async fn many(&self, rows: Vec<u8>, count: usize) -> Result<String, ModelError> {
        let request = self
            .client
            .post(self.many.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(rows);
        self.send(request, "POST", &self.many, count).await
    }

    /// `GET /prediction` with one row as its query.
    pub(crate) async fn one<'a>(
        &self,
        row: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Result<String, ModelError> {
        let mut url = self.one.clone();
        url.query_pairs_mut().extend_pairs(row);
        self.send(self.client.get(url), "GET", &self.one, 1).await
    }

    async fn send(
        &self,
        request: RequestBuilder,
        method: &str,
        url: &Url,
        rows: usize,
    ) -> Result<String, ModelError> {
        let limit = ANSWER_BYTES + self.row_bytes * rows;
        // Fails only if the semaphore is closed, which never happens.
        let _slot = self.slots.acquire().await;
        let request = with_token(request, self.token.as_ref());
        let started = Instant::now();
        let (status, answered) = match request.send().await {
            Ok(response) => (
                Some(response.status().as_u16()),
                read(response, method, url, limit).await,
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
    let parsed = Url::parse(text);
    let shown = match (&parsed, text.rsplit_once('@')) {
        (Ok(url), _) if url.has_host() => without_credentials(url),
        // A text that is not a URL may contain a password too.
        (_, Some((_, host))) => format!("…@{host}"),
        (_, None) => text.to_owned(),
    };
    let wrong = |why: &str| ModelUrlError::Url(shown.clone(), why.to_owned());
    let mut url = parsed.map_err(|error| wrong(&error.to_string()))?;
    match url.scheme() {
        "http" => {}
        "https" if cfg!(feature = "model-tls") => {}
        "https" => return Err(ModelUrlError::Tls(shown)),
        _ => return Err(wrong("it must start with http:// or https://")),
    }
    if url.fragment().is_some() {
        return Err(wrong(
            "a part after `#` is never sent to a server: remove it",
        ));
    }
    let path = url.path().trim_end_matches('/');
    let path = ["/predictions", "/prediction"]
        .iter()
        .find_map(|endpoint| path.strip_suffix(endpoint))
        .unwrap_or(path)
        .to_owned();
    url.set_path(&path);
    Ok(url)
}

/// The model's answer, of at most `limit` bytes.
async fn read(
    mut response: Response,
    method: &str,
    url: &Url,
    limit: usize,
) -> Result<String, ModelError> {
    let status = response.status();
    let retry_after = retry_after(&response);
    let outage = |what: String| {
        ModelError::Unavailable(Unavailable {
            reason: format!("the model at {} {what}", without_credentials(url)),
            retry_after,
        })
    };
    // An answer that is not a prediction is only shown, so its beginning is enough.
    let (limit, must_end) = match status {
        StatusCode::OK => (limit, true),
        _ => (ANSWER_BYTES, false),
    };
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                if must_end {
                    return Err(outage(format!(
                        "answered {method} with more than {limit} bytes, too many for the rows of the request"
                    )));
                }
                body.extend_from_slice(&chunk[..limit - body.len()]);
                break;
            }
            Ok(Some(chunk)) => {
                if body.is_empty() {
                    let announced = response.content_length().unwrap_or_default();
                    body.reserve(limit.min(usize::try_from(announced).unwrap_or(limit)));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(None) => break,
            Err(error) => return Err(ModelError::Unavailable(unreachable(method, url, &error))),
        }
    }
    // Copies only invalid UTF-8.
    let text = String::from_utf8(body)
        .unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned());
    match status {
        StatusCode::OK => Ok(text),
        StatusCode::PAYLOAD_TOO_LARGE => Err(ModelError::TooLarge),
        // Each framework has its own form for the reason.
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Err(ModelError::Rejected(
            response::reason(text.trim(), Some(status.as_u16())),
        )),
        StatusCode::UNAUTHORIZED => Err(outage(format!(
            "answered {method} with {status}: the token is missing or wrong; name the file of the model \
             server's read token with --model-token-file"
        ))),
        _ => Err(outage(format!(
            "answered {method} with {status}: {}",
            response::shortened(text.trim())
        ))),
    }
}

/// The requested wait. Dates, which are rare, are ignored.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

fn unreachable(method: &str, url: &Url, error: &reqwest::Error) -> Unavailable {
    Unavailable {
        reason: format!(
            "the model at {} does not answer {method}: {}",
            without_credentials(url),
            reason(error)
        ),
        retry_after: None,
    }
}

/// A URL for logs: without credentials, which a query may contain too.
fn without_credentials(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs without a host.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.set_query(None);
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
            ("http://h:8000/api?x=1", "http://h:8000/api?x=1"),
            ("http://[::1]:8000/api/", "http://[::1]:8000/api"),
        ] {
            assert_eq!(base_url(given).expect(given).as_str(), base, "{given}");
        }
        for given in ["h:8000", "ftp://h", "", "http://", "http://h/#x"] {
            assert!(base_url(given).is_err(), "{given}");
        }
    }

    #[test]
    fn an_invalid_url_is_shown_without_credentials() {
        for given in [
            "ftp://user:secret@h",
            "http://user:secret@h:99999",
            "http://user:secret@h/#x",
            "user:secret@h",
        ] {
            let error = base_url(given).expect_err(given).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn logs_show_no_credentials() {
        let url = Url::parse("http://user:secret@h:8000/prediction?key=secret").expect("a URL");
        assert_eq!(without_credentials(&url), "http://h:8000/prediction");
    }
}
