//! `io.confluent.connect.http.HttpSinkConnector`, without batches: sends each value and reports
//! the answer on a topic.

mod target;

use futures::FutureExt;
use futures::future::BoxFuture;
use kafka_io::KafkaSettings;
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::FutureProducer;

use super::Sink;
use super::post::{Answer, GivenUp, Poster, Target};
use super::reporter::ReportTopic;
use crate::ConfigError;
use crate::converter::Value;
use crate::failure::{CONNECT_EXCEPTION, Failure};
use crate::options::Options;
use crate::stats::Outcome;
use crate::tolerance::Tolerance;

pub(super) const CLASS: &str = "io.confluent.connect.http.HttpSinkConnector";

/// What to do with what cannot be sent, or has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behavior {
    Fail,
    Ignore,
    Log,
}

/// The sink's options.
pub(crate) struct Config {
    target: Target,
    on_null: Behavior,
    on_error: Behavior,
    /// Report an error as the server's answer, not as a sentence.
    report_answer: bool,
    results: Option<ReportTopic>,
    errors: Option<ReportTopic>,
}

impl Config {
    pub(super) fn from_options(
        options: &mut Options,
        tolerance: &Tolerance,
    ) -> Result<Self, ConfigError> {
        if tolerance.dead_letters.is_some() {
            return Err(options.refuse(
                "errors.deadletterqueue.topic.name",
                "this class keeps its failures on reporter.error.topic.name",
            ));
        }
        let target = target::from_options(options)?;
        let on_null = options.choice(
            "behavior.on.null.values",
            Some(Behavior::Ignore),
            &BEHAVIORS,
        )?;
        let on_error = options.choice("behavior.on.error", Some(Behavior::Fail), &BEHAVIORS)?;
        let report_answer = options.choice(
            "report.errors.as",
            Some(false),
            &[("error_string", false), ("http_response", true)],
        )?;
        options.embedders_address(
            "reporter.bootstrap.servers",
            "reports go to the Kafka of this process",
        )?;
        let results = ReportTopic::from_options(options, "result")?;
        let errors = ReportTopic::from_options(options, "error")?;
        // The licence of the real one.
        options.without_effect("confluent.license");
        options.without_effect_below("confluent.topic.");
        Ok(Self {
            target,
            on_null,
            on_error,
            report_answer,
            results,
            errors,
        })
    }

    pub(super) fn written_topics(&self) -> [Option<&str>; 2] {
        [&self.results, &self.errors].map(|topic| topic.as_ref().map(|t| t.name.as_str()))
    }

    pub(super) fn open(
        &self,
        connector: &str,
        kafka: &KafkaSettings,
    ) -> anyhow::Result<ConfluentSink> {
        Ok(ConfluentSink {
            connector: connector.to_owned(),
            poster: Poster::new(connector, self.target.clone())?,
            producer: kafka
                .producer(&format!("connect-{connector}-reporter"))
                .create()?,
            on_null: self.on_null,
            on_error: self.on_error,
            report_answer: self.report_answer,
            results: self.results.clone(),
            errors: self.errors.clone(),
        })
    }
}

const BEHAVIORS: [(&str, Behavior); 3] = [
    ("fail", Behavior::Fail),
    ("ignore", Behavior::Ignore),
    ("log", Behavior::Log),
];

/// Sends values and reports what came of it.
pub(super) struct ConfluentSink {
    connector: String,
    poster: Poster,
    producer: FutureProducer,
    on_null: Behavior,
    on_error: Behavior,
    report_answer: bool,
    results: Option<ReportTopic>,
    errors: Option<ReportTopic>,
}

impl Sink for ConfluentSink {
    fn put<'a>(
        &'a self,
        record: &'a BorrowedMessage<'_>,
        value: Value,
    ) -> BoxFuture<'a, Result<Outcome, Failure>> {
        async move {
            let Value::Text(body) = value else {
                return match self.on_null {
                    Behavior::Ignore => Ok(Outcome::Filtered),
                    Behavior::Log => {
                        tracing::warn!(connector = self.connector, "skipped a tombstone");
                        Ok(Outcome::Filtered)
                    }
                    Behavior::Fail => {
                        self.given_up(record, "the value is a tombstone", None)
                            .await
                    }
                };
            };
            match self.poster.send(&body).await {
                Ok(answer) => {
                    self.report(self.results.as_ref(), record, &answer.body)
                        .await?;
                    Ok(Outcome::Delivered)
                }
                Err(GivenUp { reason, answer }) => self.given_up(record, &reason, answer).await,
            }
        }
        .boxed()
    }
}

impl ConfluentSink {
    async fn given_up(
        &self,
        record: &BorrowedMessage<'_>,
        reason: &str,
        answer: Option<Answer>,
    ) -> Result<Outcome, Failure> {
        let report = match answer {
            Some(answer) if self.report_answer => answer.body,
            _ => reason.to_owned(),
        };
        self.report(self.errors.as_ref(), record, &report).await?;
        match self.on_error {
            Behavior::Fail => return Err(Failure::fatal(CONNECT_EXCEPTION, reason)),
            Behavior::Log => tracing::error!(connector = self.connector, reason, "not delivered"),
            Behavior::Ignore => {}
        }
        Ok(match self.errors {
            Some(_) => Outcome::DeadLettered,
            None => Outcome::Dropped,
        })
    }

    async fn report(
        &self,
        topic: Option<&ReportTopic>,
        record: &BorrowedMessage<'_>,
        text: &str,
    ) -> Result<(), Failure> {
        let Some(topic) = topic else { return Ok(()) };
        topic
            .write(&self.producer, record, text)
            .await
            .map_err(|e| {
                let message = format!("a report could not be written to `{}`: {e:#}", topic.name);
                Failure::fatal(CONNECT_EXCEPTION, message)
            })
    }
}
