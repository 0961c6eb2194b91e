//! The model's HTTP API: one pooled client, and what each kind of answer means.

use std::time::{Duration, Instant};

use kafka_io::{Reason, Unavailable};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use service_runtime::server::CLIENT_IDLE;
use tokio::sync::Semaphore;

use crate::answer;
use crate::config::ModelConfig;
use crate::metrics::ModelMetrics;

/// A model behind an address.
pub(crate) struct Model {
    client: Client,
    one: Url,
    many: Url,
    slots: Semaphore,
    metrics: ModelMetrics,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The request is too large: fewer rows may do.
    TooLarge,
    /// The one row of the request is refused.
    Refused(Reason),
    /// Not the rows' fault.
    Down(Unavailable),
}

/// Why a model cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelUrlError {
    #[error("--model-url `{0}` is not a URL like http://host:8000: {1}")]
    Url(String, String),
    #[error(
        "--model-url `{0}` needs TLS, which this program was built without: build it with `--features tls`"
    )]
    Tls(String),
    #[error("the HTTP client cannot be made: {0}")]
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
    pub(crate) async fn many(&self, rows: Vec<u8>) -> Result<String, Trouble> {
        let request = self
            .client
            .post(self.many.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(rows);
        self.ask(request, "POST", &self.many).await
    }

    /// `GET /prediction` with one row as its query.
    pub(crate) async fn one<'a>(
        &self,
        row: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Result<String, Trouble> {
        let mut url = self.one.clone();
        url.query_pairs_mut().extend_pairs(row);
        self.ask(self.client.get(url), "GET", &self.one).await
    }

    async fn ask(
        &self,
        request: RequestBuilder,
        method: &str,
        url: &Url,
    ) -> Result<String, Trouble> {
        // The semaphore is never closed; without a slot the request would only not be bounded.
        let _slot = self.slots.acquire().await;
        let started = Instant::now();
        let (status, answered) = match request.send().await {
            Ok(response) => (
                Some(response.status().as_u16()),
                read(response, method, url).await,
            ),
            Err(error) => (None, Err(Trouble::Down(unreachable(method, url, &error)))),
        };
        self.metrics.observe(started, status);
        answered
    }
}

/// The address without the endpoint's name, so that it may be given with or without it.
fn base_url(text: &str) -> Result<Url, ModelUrlError> {
    let wrong = |why: &str| ModelUrlError::Url(text.to_owned(), why.to_owned());
    let mut url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    match url.scheme() {
        "http" => {}
        "https" if cfg!(feature = "model-tls") => {}
        "https" => return Err(ModelUrlError::Tls(text.to_owned())),
        _ => return Err(wrong("it must begin with http:// or https://")),
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

async fn read(response: Response, method: &str, url: &Url) -> Result<String, Trouble> {
    let status = response.status();
    let retry_after = retry_after(&response);
    let problem = is_problem(&response);
    let text = match response.bytes().await {
        // Without copying, unless it is broken.
        Ok(bytes) => String::from_utf8(bytes.into())
            .unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned()),
        Err(error) => return Err(Trouble::Down(unreachable(method, url, &error))),
    };
    match status {
        StatusCode::OK => Ok(text),
        StatusCode::PAYLOAD_TOO_LARGE => Err(Trouble::TooLarge),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
            if method == "GET" && problem =>
        {
            Err(Trouble::Refused(answer::reason(
                &text,
                Some(status.as_u16()),
            )))
        }
        _ => Err(Trouble::Down(Unavailable {
            reason: format!(
                "the model at {} answered {method} with {status}: {}",
                shown(url),
                answer::shortened(text.trim())
            ),
            retry_after,
        })),
    }
}

/// Whether the answer is a statement about the input (RFC 9457), not a page from somewhere else.
fn is_problem(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"))
}

/// The seconds that the model asks to wait; the form with a date is rare and left to the backoff.
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
            shown(url)
        ),
        retry_after: None,
    }
}

/// An address for logs: without credentials.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // They fail only on URLs that have no host.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_may_be_given_with_or_without_the_endpoint() {
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
    fn credentials_in_the_address_do_not_show_in_logs() {
        let url = Url::parse("http://user:secret@h:8000/prediction").expect("a URL");
        assert_eq!(shown(&url), "http://h:8000/prediction");
    }
}
