//! The reporter of Confluent's HTTP sink: answers and failures as records.

use anyhow::anyhow;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;

use crate::ConfigError;
use crate::options::Options;

/// A topic of the reporter and how its values are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReportTopic {
    pub(super) name: String,
    /// A text is written as a JSON string, the sink's default; else as it is.
    json: bool,
}

impl ReportTopic {
    /// From `reporter.KIND.topic.*`; `None` where no topic is named.
    pub(super) fn from_options(
        options: &mut Options,
        kind: &str,
    ) -> Result<Option<Self>, ConfigError> {
        let below = |name: &str| format!("reporter.{kind}.topic.{name}");
        // The embedder creates the topics.
        options.number(&below("replication.factor"), 3, 1..=i16::MAX)?;
        let json = options.choice(
            &below("value.format"),
            Some(true),
            &[("json", true), ("string", false)],
        )?;
        Ok(options
            .text(&below("name"))
            .filter(|name| !name.is_empty())
            .map(|name| Self { name, json }))
    }

    /// Writes `text` about `record`, with its key and the headers `input_record_*`.
    pub(super) async fn write(
        &self,
        producer: &FutureProducer,
        record: &BorrowedMessage<'_>,
        text: &str,
    ) -> anyhow::Result<()> {
        let value = if self.json {
            serde_json::to_string(text)?
        } else {
            text.to_owned()
        };
        let mut headers = OwnedHeaders::new();
        for (key, value) in [
            ("input_record_offset", record.offset().to_string()),
            (
                "input_record_timestamp",
                record.timestamp().to_millis().unwrap_or(-1).to_string(),
            ),
            ("input_record_partition", record.partition().to_string()),
            ("input_record_topic", record.topic().to_owned()),
        ] {
            headers = headers.insert(Header {
                key,
                value: Some(&value),
            });
        }
        let report = FutureRecord::<[u8], [u8]> {
            topic: &self.name,
            partition: None,
            payload: Some(value.as_bytes()),
            key: record.key(),
            timestamp: None,
            headers: Some(headers),
        };
        producer
            .send(report, Timeout::Never)
            .await
            .map_err(|(error, _)| anyhow!(error))?;
        Ok(())
    }
}
