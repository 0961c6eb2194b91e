//! The records of a running pipeline, for a backtest.

use std::time::Duration;

use anyhow::Context;
use backtest::Recorded;
use feed::{Kind, Outgoing};
use kafka_io::KafkaSettings;
use kafka_io::client::{ScanError, scan};
use pipeline::{Definition, EventTime};
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use service_runtime::{CancellationToken, UsageError};

/// Timeout for Kafka's first answer. Short, because a user waits at the command line.
const FIRST_ANSWER: Duration = Duration::from_secs(5);

/// Why the records cannot be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("interrupted")]
    Stopped,
}

/// Reads what is on the pipeline's first two topics now. Returns the records, and how many cannot be used: they
/// have no key or time, or are not of the pipeline's form.
///
/// # Errors
/// A [`UsageError`] if Kafka does not answer, a topic does not exist, or there is no record that can be used;
/// any other error if Kafka fails or `shutdown` is cancelled.
pub(crate) async fn read(
    kafka: &KafkaSettings,
    definition: &'static Definition,
    shutdown: &CancellationToken,
) -> anyhow::Result<(Recorded, u64)> {
    let reachable = kafka.wait_for_broker(FIRST_ANSWER).await;
    reachable.map_err(|error| UsageError(error.to_string()))?;
    let (kafka, shutdown) = (kafka.clone(), shutdown.clone());
    let reading = tokio::task::spawn_blocking(move || read_here(&kafka, definition, &shutdown));
    reading.await.context("reading the topics")?
}

fn read_here(
    kafka: &KafkaSettings,
    definition: &'static Definition,
    shutdown: &CancellationToken,
) -> anyhow::Result<(Recorded, u64)> {
    let topics = &definition.topics;
    let mut records = Vec::new();
    let mut unusable = 0;
    for (kind, topic) in [
        (Kind::Measured, topics.measured.as_str()),
        (Kind::Actual, topics.actual.as_str()),
    ] {
        let read = scan(kafka, "catchweight-backtest", topic, |message| {
            match outgoing(definition, kind, topic, message) {
                Some(record) => records.push(record),
                None => unusable += 1,
            }
            match shutdown.is_cancelled() {
                true => Err(ReadError::Stopped),
                false => Ok(()),
            }
        });
        read.map_err(|error| match error {
            ReadError::Scan(ScanError::NoTopic(_)) => {
                let text = format!("{error}; check --bootstrap-servers and the pipeline");
                UsageError(text).into()
            }
            error => anyhow::Error::from(error),
        })?;
    }
    if records.is_empty() {
        let text = format!(
            "the topics `{}` and `{}` have no record that can be used",
            topics.measured, topics.actual
        );
        return Err(UsageError(text).into());
    }
    let source = format!(
        "the topics `{}` and `{}` of {}",
        topics.measured, topics.actual, kafka.bootstrap_servers
    );
    Ok((Recorded::new(source, records), unusable))
}

/// `None` if the record cannot be used.
fn outgoing(
    definition: &Definition,
    kind: Kind,
    topic: &'static str,
    message: &BorrowedMessage<'_>,
) -> Option<Outgoing> {
    let value = message.payload()?.to_vec();
    if kind == Kind::Measured {
        definition.read_measured(&value).ok()?;
    }
    Some(Outgoing {
        kind,
        topic,
        key: String::from_utf8(message.key()?.to_vec()).ok()?,
        value,
        at: EventTime::from_millis(message.timestamp().to_millis()?).ok()?,
    })
}
