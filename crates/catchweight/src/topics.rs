//! `topics`: creates the topics that the programs write.

use std::time::Duration;

use anyhow::Context;
use kafka_io::KafkaSettings;
use pipeline::Definition;
use pipeline_folder::FolderArgs;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use service_runtime::{CancellationToken, UsageError};

use crate::progress;

/// Settings of `topics`.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct TopicsArgs {
    /// The pipeline.
    #[command(flatten)]
    pub folder: FolderArgs,

    /// How to reach Kafka.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// Partitions of each topic; the dead-letter topic has one
    #[arg(long, env = "PARTITIONS", default_value_t = 6, value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub partitions: i32,

    /// Replicas of each partition
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=100))]
    pub replication: i32,

    /// How long to wait for Kafka, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub timeout: u64,
}

/// The pause between two attempts to reach Kafka.
const RETRY: Duration = Duration::from_secs(1);

/// Creates the topics that do not exist.
///
/// # Errors
/// A usage error if the pipeline or a Kafka property cannot be used; any other error if Kafka does not create a
/// topic within the timeout.
pub async fn run(args: TopicsArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let definition = args.folder.open()?.definition;
    let property = |error| UsageError(format!("invalid Kafka properties: {error}"));
    let admin: AdminClient<DefaultClientContext> =
        args.kafka.producer("topics").create().map_err(property)?;
    let wanted = wanted(definition, args.partitions);
    // Kafka deletes records by their timestamp, and those of a file may be years old.
    let has_times = definition
        .feed
        .as_ref()
        .is_some_and(|feed| feed.times.measured_at.is_some());
    let work = async {
        for (topic, partitions) in &wanted {
            let replication = TopicReplication::Fixed(args.replication);
            let mut new = NewTopic::new(topic, *partitions, replication);
            if has_times {
                new = new.set("retention.ms", "-1");
            }
            let created = create(&admin, &new).await?;
            let what = if created { "created" } else { "exists" };
            progress::say(&format!("{topic}: {what}"));
        }
        anyhow::Ok(())
    };
    tokio::select! {
        outcome = tokio::time::timeout(Duration::from_secs(args.timeout), work) => {
            let address = &args.kafka.bootstrap_servers;
            outcome.with_context(|| format!("Kafka at {address} did not create the topics within {} s", args.timeout))?
        }
        () = shutdown.cancelled() => anyhow::bail!("interrupted before every topic was created"),
    }
}

/// The topics with their numbers of partitions.
fn wanted(definition: &Definition, partitions: i32) -> [(String, i32); 4] {
    let [measured, actual, predicted, dead_letters] = definition.topics.written_by_programs();
    [
        (measured, partitions),
        (actual, partitions),
        (predicted, partitions),
        (dead_letters, 1),
    ]
}

/// Creates a topic, and tries again while Kafka does not answer. False if it exists.
async fn create(
    admin: &AdminClient<DefaultClientContext>,
    topic: &NewTopic<'_>,
) -> anyhow::Result<bool> {
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    loop {
        let outcome = admin.create_topics([topic], &options).await;
        let problem = match outcome.map(|mut results| results.pop()) {
            Ok(Some(Ok(_))) => return Ok(true),
            Ok(Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists)))) => return Ok(false),
            Ok(Some(Err((name, code)))) if !is_transient(code) => {
                anyhow::bail!("Kafka does not create the topic {name}: {code}")
            }
            Ok(Some(Err((_, code)))) => code.to_string(),
            Ok(None) => "no answer".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::debug!(%problem, "retrying to create a topic");
        tokio::time::sleep(RETRY).await;
    }
}

fn is_transient(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::NotController
            | RDKafkaErrorCode::BrokerNotAvailable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_are_those_that_the_programs_write() {
        let topics = wanted(Definition::shipped(), 6);
        let topics: Vec<_> = topics
            .iter()
            .map(|(topic, count)| (topic.as_str(), *count))
            .collect();
        let expected = [
            ("machine-measurement", 6),
            ("machine-weight", 6),
            ("weight-prediction", 6),
            ("machine-measurement-dlq", 1),
        ];
        assert_eq!(topics, expected);
    }
}
