//! Topics, their partitions, and a sample of their records.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use kafka_io::{EofContext, KafkaSettings};
use pipeline::{Definition, MessageError};
use pipeline_folder::Folder;
use pipeline_folder::check::Problem;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{Findings, too_late};

const TIMEOUT: Duration = Duration::from_secs(10);
/// So many of the newest records of each partition are read.
const SAMPLE: i64 = 500;

/// The sampled records of a topic.
#[derive(Default)]
struct Sample {
    records: usize,
    /// Records that cannot be read, with the first reason.
    unreadable: usize,
    reason: Option<String>,
    /// Kafka timestamps in milliseconds by key.
    times: HashMap<Vec<u8>, i64>,
}

/// Checks what is on the broker.
pub(super) async fn check(
    folder: &Folder,
    settings: KafkaSettings,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let definition = folder.definition;
    let address = settings.bootstrap_servers.clone();
    let work = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer<EofContext> = settings.eof_consumer("check", &[])?;
        sample_all(&consumer, definition)
    });
    let topics = work
        .await
        .context("checking the topics")?
        .with_context(|| {
            format!("Kafka at {address} does not answer (check --bootstrap-servers)")
        })?;
    let mut partitions: Vec<(&str, usize)> = Vec::new();
    let mut records = 0;
    for (topic, count, sample) in &topics {
        if *count == 0 {
            let who = who_creates(definition, topic);
            let text = format!("the topic {topic} does not exist: {who}");
            findings.problems.push(Problem::new(&address, text));
            continue;
        }
        records += sample.records;
        partitions.push((topic, *count));
        if let Some(reason) = &sample.reason {
            let text = format!(
                "{} of {} sampled records of {topic} cannot be read: {reason}",
                sample.unreadable, sample.records
            );
            findings.problems.push(Problem::new(&address, text));
        }
    }
    let joined = |topic: &str| topic != definition.topics.trigger;
    let counts: Vec<&(&str, usize)> = partitions
        .iter()
        .filter(|(topic, _)| joined(topic))
        .collect();
    if counts.windows(2).any(|pair| pair[0].1 != pair[1].1) {
        let all: Vec<String> = counts
            .iter()
            .map(|(topic, count)| format!("{topic} {count}"))
            .collect();
        let text = format!(
            "the topics have different numbers of partitions, so that records cannot be joined: {}",
            all.join(", ")
        );
        findings.problems.push(Problem::new(&address, text));
    }
    if let [(_, _, measured), (_, _, actual), ..] = &topics[..] {
        delays(folder, measured, actual, &address, findings);
    }
    findings
        .seen
        .push(format!("{records} sampled records can be read"));
    Ok(())
}

/// Checks that the actual values of the sample arrive within the SQL's WITHIN.
fn delays(
    folder: &Folder,
    measured: &Sample,
    actual: &Sample,
    address: &str,
    findings: &mut Findings,
) {
    let delay = |(key, at): (&Vec<u8>, &i64)| Some(at - measured.times.get(key)?);
    let delays: Vec<i64> = actual.times.iter().filter_map(delay).collect();
    let Some(longest) = delays.iter().max() else {
        return;
    };
    let longest = Duration::from_millis(u64::try_from(*longest).unwrap_or_default());
    let early = delays.iter().filter(|delay| **delay < 0).count();
    if early > 0 {
        let text = format!(
            "{early} of {} sampled actual values are older than their measurement",
            delays.len()
        );
        findings.problems.push(Problem::new(address, text));
    }
    if let Some(problem) = too_late(folder, longest, "the longest delay of the sampled records") {
        findings.problems.push(problem);
    }
    findings
        .seen
        .push(format!("actual values arrive within {longest:?}"));
}

fn who_creates(definition: &Definition, topic: &str) -> &'static str {
    if definition
        .topics
        .written_by_programs()
        .iter()
        .any(|other| other == topic)
    {
        "create it with `catchweight topics`"
    } else {
        "the SQL creates it; send it with `catchweight ksql --file`"
    }
}

/// Each topic with its number of partitions (0 if it does not exist) and a sample.
fn sample_all(
    consumer: &BaseConsumer<EofContext>,
    definition: &'static Definition,
) -> Result<Vec<(String, usize, Sample)>, KafkaError> {
    type Read = fn(&Definition, &[u8]) -> Result<(), MessageError>;
    let topics = &definition.topics;
    let readers: [(&str, Read); 5] = [
        (&topics.measured, |definition, bytes| {
            definition.read_measured(bytes).map(drop)
        }),
        (&topics.actual, |definition, bytes| {
            definition.read_actual(bytes).map(drop)
        }),
        (&topics.predicted, |definition, bytes| {
            definition.read_predicted(bytes).map(drop)
        }),
        (&topics.rows, |definition, bytes| {
            definition.read_joined(bytes).map(drop)
        }),
        (&topics.trigger, |definition, bytes| {
            definition.read_trigger(bytes).map(drop)
        }),
    ];
    let metadata = consumer.fetch_metadata(None, TIMEOUT)?;
    consumer.context().connected();
    let mut all = Vec::new();
    for (topic, read) in readers {
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let partitions = found.map_or(0, |found| found.partitions().len());
        let sample = match partitions {
            0 => Sample::default(),
            partitions => sample(consumer, topic, partitions, |bytes| read(definition, bytes))?,
        };
        all.push((topic.to_owned(), partitions, sample));
    }
    Ok(all)
}

/// Reads the newest records of each partition.
fn sample(
    consumer: &BaseConsumer<EofContext>,
    topic: &str,
    partitions: usize,
    read: impl Fn(&[u8]) -> Result<(), MessageError>,
) -> Result<Sample, KafkaError> {
    let mut from = TopicPartitionList::new();
    for partition in (0..).take(partitions) {
        let (low, high) = consumer.fetch_watermarks(topic, partition, TIMEOUT)?;
        if high > low {
            from.add_partition_offset(topic, partition, Offset::Offset((high - SAMPLE).max(low)))?;
        }
    }
    let mut sample = Sample::default();
    let mut open = from.count();
    if open == 0 {
        return Ok(sample);
    }
    consumer.assign(&from)?;
    let mut deadline = Instant::now() + TIMEOUT;
    while open > 0 {
        match consumer.poll(deadline.saturating_duration_since(Instant::now())) {
            Some(Ok(message)) => {
                deadline = Instant::now() + TIMEOUT;
                let Some(value) = message.payload() else {
                    continue;
                };
                sample.records += 1;
                if let Err(error) = read(value) {
                    sample.unreadable += 1;
                    sample.reason.get_or_insert_with(|| error.to_string());
                }
                if let (Some(key), Some(at)) = (message.key(), message.timestamp().to_millis()) {
                    sample.times.insert(key.to_vec(), at);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) if Instant::now() >= deadline => return Err(error),
            // librdkafka tries again by itself.
            Some(Err(error)) => tracing::debug!(topic, %error, "reading a sample"),
            None => break,
        }
    }
    consumer.unassign()?;
    Ok(sample)
}
