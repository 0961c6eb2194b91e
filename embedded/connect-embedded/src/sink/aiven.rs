//! `io.aiven.kafka.connect.http.HttpSinkConnector`, release 0.9.0: posts each value.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::header::HeaderMap;

use super::post::{Poster, Target, url};
use super::{Converted, Delivery, Sink, header};
use crate::ConfigError;
use crate::converter::Value;
use crate::failure::{CONNECT_EXCEPTION, DATA_EXCEPTION, Failure};
use crate::options::Options;
use crate::stats::Outcome;
use crate::tolerance::Tolerance;

pub(super) const CLASS: &str = "io.aiven.kafka.connect.http.HttpSinkConnector";
const AUTHORIZATION: &str = "http.headers.authorization";

/// The sink's options.
pub(crate) struct Config {
    target: Target,
    /// Whether failed records are reported. Otherwise they stop the connector.
    reports: bool,
}

impl Config {
    pub(super) fn from_options(
        options: &mut Options,
        tolerance: &Tolerance,
    ) -> Result<Self, ConfigError> {
        let setting = options.required("http.url", "the URL to post values to")?;
        let url = url(options, "http.url", &setting)?;
        let headers = headers(options)?;
        let timeout = Duration::from_secs(options.number("http.timeout", 30, 1..=86_400)?);
        let retries = options.number("max.retries", 1, 0..=u32::MAX)?;
        let backoff = options.number("retry.backoff.ms", 3000, 0..=86_400_000)?;
        options.choice("batching.enabled", Some(()), &[("false", ())])?;
        Ok(Self {
            target: Target {
                url,
                headers,
                timeout,
                retries,
                backoff: Duration::from_millis(backoff),
            },
            reports: tolerance.log || tolerance.dead_letters.is_some(),
        })
    }

    pub(super) fn open(&self, connector: &str) -> anyhow::Result<AivenSink> {
        Ok(AivenSink {
            poster: Poster::new(connector, self.target.clone())?,
            reports: self.reports,
        })
    }
}

fn headers(options: &mut Options) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    let is_static = options.choice(
        "http.authorization.type",
        None,
        &[("none", false), ("static", true)],
    )?;
    match (is_static, options.text(AUTHORIZATION)) {
        (true, Some(text)) => {
            header::add(&mut headers, options, AUTHORIZATION, "authorization", &text)?;
        }
        (true, None) => {
            return Err(options.refuse(
                AUTHORIZATION,
                "is missing: http.authorization.type=static needs it",
            ));
        }
        (false, Some(_)) => {
            let reason = "is forbidden with http.authorization.type=none";
            return Err(options.refuse(AUTHORIZATION, reason));
        }
        (false, None) => {}
    }
    if let Some(text) = options.text("http.headers.content.type") {
        header::add(
            &mut headers,
            options,
            "http.headers.content.type",
            "content-type",
            &text,
        )?;
    }
    let additional = options.list("http.headers.additional");
    let items = additional.iter().map(String::as_str);
    header::add_all(&mut headers, options, "http.headers.additional", items)?;
    Ok(headers)
}

/// Posts values.
pub(super) struct AivenSink {
    poster: Poster,
    reports: bool,
}

impl Sink for AivenSink {
    fn batch_size(&self) -> usize {
        1
    }

    fn put<'a>(&'a self, records: Vec<Converted<'a>>) -> BoxFuture<'a, Vec<Delivery>> {
        async move {
            let mut delivered = Vec::new();
            for (_, value) in records {
                delivered.push(self.post(value).await);
            }
            delivered
        }
        .boxed()
    }
}

impl AivenSink {
    async fn post(&self, value: Value) -> Delivery {
        let Value::Text(body) = value else {
            // The real sink also fails here, regardless of its error handling.
            let message = "the value is null: drop such records with a transform";
            return Err(Failure::fatal(DATA_EXCEPTION, message));
        };
        match self.poster.send(&body).await {
            Ok(()) => Ok(Outcome::Delivered),
            Err(reason) => Err(Failure {
                fatal: !self.reports,
                ..Failure::tolerable(
                    CONNECT_EXCEPTION,
                    format!("sending failed and no retries remain: {reason}"),
                )
            }),
        }
    }
}
