//! Sends dead letters back to their topics, once each.
//!
//! A replay reads the topic twice: the survey selects dead letters, the second pass sends them. It
//! writes notes about what it has sent into the dead-letter topic, in the same transaction as the
//! records. The transactional id fences another replay of the same topic that still runs. So
//! consumers that read committed records only (librdkafka's default; `isolation.level=read_committed`
//! for Java's clients) see no record twice, even if a replay is interrupted or repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::mem;
use std::sync::OnceLock;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Message};

use super::origin::{Origin, original_headers};
use super::survey::{CLIENT, Selection, survey};
use super::{NOTE, ledger};
use crate::client::{KafkaSettings, ScanError, Unreachable, scan};

/// Timeout for Kafka's first answer. Short, because a user waits at the command line.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// Timeout of each step of a transaction.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of dead letters in one transaction.
const PER_TRANSACTION: usize = 1_000;
/// Header of a replayed record: its dead letter, as topic/partition/offset.
const SOURCE: &str = "replay.source";

/// Which dead letters to replay.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ReplayArgs {
    /// The dead-letter topic, such as machine-measurement-dlq
    #[arg(long, value_name = "TOPIC")]
    pub topic: String,

    /// Replay only dead letters whose reason contains this text
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// Replay only dead letters in this partition of the dead-letter topic
    #[arg(long)]
    pub partition: Option<i32>,

    /// Replay only dead letters from this offset of the dead-letter topic on
    #[arg(long, value_name = "OFFSET")]
    pub from: Option<i64>,

    /// Replay only dead letters up to and including this offset of the dead-letter topic
    #[arg(long, value_name = "OFFSET")]
    pub to: Option<i64>,

    /// Replay only the newest dead letter per topic; mark older ones as done
    #[arg(long)]
    pub newest: bool,

    /// Only print what would be replayed
    #[arg(long)]
    pub dry_run: bool,
}

/// What a replay did: numbers of dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Nothing was sent, only counted.
    pub dry_run: bool,
    /// Sent, or would be.
    pub sent: u64,
    /// Marked as done because a newer one of their topic was sent.
    pub skipped: u64,
    /// Done by earlier replays.
    pub done_before: u64,
    /// Not selected by the arguments.
    pub not_selected: u64,
    /// Without a header that names their topic.
    pub unknown_origin: u64,
    /// Without the record, which was too large; it is on its original topic.
    pub omitted: u64,
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = if self.dry_run {
            "would be replayed"
        } else {
            "replayed"
        };
        write!(
            f,
            "{} {sent}, {} older ones skipped, {} done before, {} not selected, {} of unknown origin, {} without the record (too large)",
            self.sent,
            self.skipped,
            self.done_before,
            self.not_selected,
            self.unknown_origin,
            self.omitted
        )
    }
}

/// Why a replay failed. It may be run again: dead letters that it has sent are marked as done.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The range of offsets is empty.
    #[error("--from {from} is after --to {to}: expected an offset of at most {to}")]
    NoOffsets {
        /// The first.
        from: i64,
        /// The last.
        to: i64,
    },
    /// The topic does not have this partition.
    #[error("`{topic}` has no partition {partition}")]
    NoPartition {
        /// The dead-letter topic.
        topic: String,
        /// The argument.
        partition: i32,
    },
    /// No record of the topic names its origin.
    #[error("`{0}` contains no dead letters: none of its records has a header with its origin")]
    NoDeadLetters(String),
    /// The topic does not exist.
    #[error(
        "topic `{0}` does not exist: expected a dead-letter topic, such as machine-measurement-dlq"
    )]
    NoTopic(String),
    /// Kafka does not allow it.
    #[error("{0}")]
    NotAllowed(String),
    /// Kafka does not answer at all.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// Kafka rejected a request or did not answer.
    #[error("Kafka: {0}")]
    Kafka(#[from] KafkaError),
    /// Kafka stopped answering before the end of the topic.
    #[error("no answer from Kafka for {} s; run the replay again when Kafka is back", .0.as_secs())]
    Silent(Duration),
    /// A record could not be written.
    #[error("a record could not be written to `{topic}`: {error}")]
    Delivery {
        /// Its topic.
        topic: String,
        /// The client's error.
        error: KafkaError,
    },
    /// The reading thread panicked.
    #[error("the replay ended unexpectedly: {0}")]
    Panic(String),
}

impl ReplayError {
    /// Whether the arguments select dead letters that cannot exist.
    pub fn is_usage_error(&self) -> bool {
        matches!(
            self,
            Self::NoOffsets { .. }
                | Self::NoPartition { .. }
                | Self::NoDeadLetters(_)
                | Self::NoTopic(_)
        )
    }
}

/// Sends the dead letters that `args` select back to their topics.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use kafka_io::KafkaSettings;
/// use kafka_io::dead_letter::replay::{ReplayArgs, replay};
///
/// let kafka = KafkaSettings::plain("127.0.0.1:9092");
/// let args = ReplayArgs {
///     topic: "machine-measurement-dlq".into(),
///     ..ReplayArgs::default()
/// };
/// println!("{}", replay(&kafka, &args).await?);
/// # Ok(()) }
/// ```
///
/// # Errors
/// If the arguments select dead letters that cannot exist, or Kafka fails.
pub async fn replay(kafka: &KafkaSettings, args: &ReplayArgs) -> Result<ReplayReport, ReplayError> {
    kafka.wait_for_broker(FIRST_ANSWER).await?;
    let (kafka, args) = (kafka.clone(), args.clone());
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(ReplayError::NoOffsets { from, to });
    }
    tokio::task::spawn_blocking(move || {
        // Before the survey: it fences another replay, whose notes are complete then.
        let sender = match args.dry_run {
            true => None,
            false => Some(Sender::new(&kafka, &args.topic)?),
        };
        let (selection, mut report) = survey(&kafka, &args)?;
        if let Some(sender) = sender {
            sender.send_selected(&kafka, &selection)?;
        }
        report.dry_run = args.dry_run;
        report.sent = selection.send.len();
        report.skipped = selection.skip.len();
        Ok(report)
    })
    .await
    .unwrap_or_else(|panic| Err(ReplayError::Panic(panic.to_string())))
}

impl From<ScanError> for ReplayError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::NoTopic(topic) => Self::NoTopic(topic),
            ScanError::NotAllowed(reason) => Self::NotAllowed(reason),
            ScanError::Kafka(error) => Self::Kafka(error),
            ScanError::Silent(limit) => Self::Silent(limit),
        }
    }
}

/// The first delivery that failed; later failures follow from it.
struct FirstFailure(OnceLock<(String, KafkaError)>);

impl ClientContext for FirstFailure {}

impl ProducerContext for FirstFailure {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let _ = self.0.set((message.topic().to_owned(), error.clone()));
        }
    }
}

/// A transactional producer. Each dead-letter topic has at most one at a time.
struct Sender(BaseProducer<FirstFailure>);

impl Sender {
    fn new(kafka: &KafkaSettings, topic: &str) -> Result<Self, ReplayError> {
        let mut config = kafka.producer("replay");
        config
            .set("transactional.id", format!("replay-{topic}"))
            .set("message.timeout.ms", "30000")
            .set("transaction.timeout.ms", "60000");
        let context = FirstFailure(OnceLock::new());
        let producer = BaseProducer::from_config_and_context(&config, context)?;
        producer.init_transactions(TRANSACTION_TIMEOUT)?;
        Ok(Self(producer))
    }

    /// Sends what is selected and marks it, and what is skipped, as done. On failure it aborts the
    /// open transaction: readers of committed records would have to wait for its timeout.
    fn send_selected(
        &self,
        kafka: &KafkaSettings,
        selection: &Selection,
    ) -> Result<(), ReplayError> {
        let outcome = self.try_send_selected(kafka, selection);
        if outcome.is_err()
            && let Err(error) = self.0.abort_transaction(TRANSACTION_TIMEOUT)
        {
            tracing::warn!(%error, "the open transaction could not be aborted; it ends by its timeout");
        }
        outcome
    }

    fn try_send_selected(
        &self,
        kafka: &KafkaSettings,
        selection: &Selection,
    ) -> Result<(), ReplayError> {
        let mut done: BTreeMap<i32, BTreeSet<i64>> = selection.skip.0.clone();
        let mut sent = 0;
        self.0.begin_transaction()?;
        if !selection.send.0.is_empty() {
            scan(kafka, CLIENT, &selection.topic, |dead_letter| {
                let (partition, offset) = (dead_letter.partition(), dead_letter.offset());
                if !selection.send.contains((partition, offset)) {
                    return Ok(());
                }
                self.send_back(dead_letter)?;
                done.entry(partition).or_default().insert(offset);
                sent += 1;
                if sent % PER_TRANSACTION == 0 {
                    self.commit(&selection.topic, &mem::take(&mut done))?;
                    self.0.begin_transaction()?;
                }
                Ok::<_, ReplayError>(())
            })?;
        }
        self.commit(&selection.topic, &done)
    }

    fn send_back(&self, dead_letter: &BorrowedMessage<'_>) -> Result<(), ReplayError> {
        let headers = dead_letter.headers();
        let Some(topic) = headers.and_then(|headers| Origin::read(headers).topic) else {
            return Ok(());
        };
        let (partition, offset) = (dead_letter.partition(), dead_letter.offset());
        let source = format!("{}/{partition}/{offset}", dead_letter.topic());
        self.send(BaseRecord {
            topic: &topic,
            partition: None,
            payload: dead_letter.payload(),
            key: dead_letter.key(),
            timestamp: dead_letter.timestamp().to_millis(),
            headers: Some(original_headers(headers).insert(Header {
                key: SOURCE,
                value: Some(&source),
            })),
            delivery_opaque: (),
        })
    }

    /// Writes the notes and commits the transaction.
    fn commit(&self, topic: &str, done: &BTreeMap<i32, BTreeSet<i64>>) -> Result<(), ReplayError> {
        for (partition, offsets) in done {
            self.send(BaseRecord {
                topic,
                partition: Some(*partition),
                payload: None,
                key: None,
                timestamp: None,
                headers: Some(OwnedHeaders::new().insert(Header {
                    key: NOTE,
                    value: Some(&ledger::write(offsets)),
                })),
                delivery_opaque: (),
            })?;
        }
        let committed = self.0.commit_transaction(TRANSACTION_TIMEOUT);
        match self.0.context().0.get() {
            Some((topic, error)) => Err(ReplayError::Delivery {
                topic: topic.clone(),
                error: error.clone(),
            }),
            None => Ok(committed?),
        }
    }

    fn send(&self, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<(), ReplayError> {
        loop {
            match self.0.send(record) {
                Ok(()) => {
                    self.0.poll(Duration::ZERO);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.0.poll(Duration::from_millis(20));
                }
                Err((error, record)) => {
                    return Err(ReplayError::Delivery {
                        topic: record.topic.to_owned(),
                        error,
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::producer::FutureRecord;
    use test_support::Broker;

    use super::*;
    use crate::dead_letter::{TOPIC, topic_of};

    fn from_topic(topic: &str) -> OwnedHeaders {
        OwnedHeaders::new().insert(Header {
            key: TOPIC,
            value: Some(topic),
        })
    }

    #[tokio::test]
    async fn a_dry_run_counts_and_wrong_arguments_are_usage_errors() {
        let dead_letters = topic_of("input");
        let broker = Broker::with_topics(2, [dead_letters.as_str(), "input"]);
        let kafka = KafkaSettings::plain(broker.bootstrap_servers());
        for (topic, headers) in [
            (dead_letters.as_str(), from_topic("input")),
            ("input", OwnedHeaders::new()),
        ] {
            let record = FutureRecord::<(), _>::to(topic).payload("x");
            broker.send(record.headers(headers)).await;
        }
        let args = ReplayArgs {
            topic: dead_letters,
            dry_run: true,
            ..ReplayArgs::default()
        };
        let report = replay(&kafka, &args).await.expect("a report").to_string();
        let start = "1 would be replayed, 0 older ones skipped";
        assert!(report.starts_with(start), "{report}");
        let wrong = [
            ReplayArgs {
                partition: Some(2),
                ..args.clone()
            },
            ReplayArgs {
                from: Some(5),
                to: Some(2),
                ..args.clone()
            },
            ReplayArgs {
                topic: "input".into(),
                ..args.clone()
            },
            ReplayArgs {
                topic: "missing".into(),
                ..args
            },
        ];
        for args in wrong {
            let error = replay(&kafka, &args).await.expect_err("wrong arguments");
            assert!(error.is_usage_error(), "{error}");
        }
    }

    #[test]
    fn a_failed_replay_leaves_no_transaction_open() {
        let broker = Broker::with_topics(1, ["t-dlq"]);
        let kafka = KafkaSettings::plain(broker.bootstrap_servers());
        let args = ReplayArgs {
            topic: "t-dlq".into(),
            ..ReplayArgs::default()
        };
        let sender = Sender::new(&kafka, &args.topic).expect("a sender");
        let too_long_a_name = "x".repeat(600);
        sender.0.begin_transaction().expect("a transaction");
        let dead_letter = BaseRecord::<[u8], [u8]>::to("t-dlq")
            .payload(b"{}")
            .headers(from_topic(&too_long_a_name));
        sender.send(dead_letter).expect("a dead letter");
        let committed = sender.0.commit_transaction(TRANSACTION_TIMEOUT);
        committed.expect("committed");

        let (selection, _) = survey(&kafka, &args).expect("a survey");
        let failed = sender.send_selected(&kafka, &selection);
        assert!(
            matches!(failed, Err(ReplayError::Delivery { .. })),
            "{failed:?}"
        );
        sender.0.begin_transaction().expect("none is open");
    }
}
