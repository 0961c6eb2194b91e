//! Sends dead letters back to the topics that they came from, once each.
//!
//! Reads letters of this suite (`dlq.*` headers) and of Kafka Connect (`__connect.errors.*`). What
//! was sent back is noted in the dead-letter topic itself, by records without key and value that
//! carry the header [`ledger::HEADER`]; the notes and the records that they speak of are written
//! in one transaction, whose id also fences a replay of the same topic that is still running. So
//! a replay that is interrupted or repeated sends nothing twice to a consumer that reads committed
//! records only (librdkafka's default; `isolation.level=read_committed` for Java's clients).
//!
//! | module | what is in it |
//! |---|---|
//! | [`letter`] | where a dead letter came from and why it is one |
//! | [`ledger`] | which offsets were sent back |
//! | `survey` | first pass: which letters are to be sent |
//! | `resend` | second pass: sending them |

pub mod ledger;
pub mod letter;
mod resend;
mod survey;

use std::fmt;
use std::time::Duration;

use rdkafka::error::KafkaError;

use crate::{KafkaSettings, Unreachable};

/// How long Kafka may take to answer for the first time: somebody waits for the outcome.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which dead letters are sent back.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// The dead-letter topic, such as machine-measurement-dlq
    #[arg(long, value_name = "TOPIC")]
    pub topic: String,

    /// Only letters with this text in their reason
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// Only letters in this partition of the dead-letter topic
    #[arg(long)]
    pub partition: Option<i32>,

    /// Only letters from this offset of the dead-letter topic on
    #[arg(long, value_name = "OFFSET")]
    pub from: Option<i64>,

    /// Only letters up to this offset of the dead-letter topic, this one included
    #[arg(long, value_name = "OFFSET")]
    pub to: Option<i64>,

    /// Of the letters from one topic only the newest; the older ones count as settled
    #[arg(long)]
    pub newest: bool,

    /// Send nothing, only say what would be sent
    #[arg(long)]
    pub dry_run: bool,
}

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Whether nothing was sent, only counted.
    pub dry_run: bool,
    /// Letters that were sent back, or would be.
    pub sent: u64,
    /// Older letters that were settled because only the newest was asked for.
    pub passed_over: u64,
    /// Letters that were settled by earlier replays.
    pub settled_before: u64,
    /// Letters that were not asked for.
    pub not_asked_for: u64,
    /// Letters without a header that says where they came from.
    pub of_unknown_origin: u64,
    /// Letters without their record, which was too large for them: it is where it came from.
    pub too_large: u64,
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = if self.dry_run {
            "would be sent back"
        } else {
            "sent back"
        };
        write!(
            f,
            "{} {sent}, {} older ones passed over, {} settled before, {} not asked for, {} of unknown origin, {} too large to be kept",
            self.sent,
            self.passed_over,
            self.settled_before,
            self.not_asked_for,
            self.of_unknown_origin,
            self.too_large
        )
    }
}

/// Why a replay failed. What it had sent by then is noted, so that it may be run again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The offsets that were asked for are none.
    #[error("--from {from} is after --to {to}")]
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
        /// What was asked for.
        partition: i32,
    },
    /// No record of the topic says where it came from.
    #[error("`{0}` holds no dead letters: none of its records says where it came from")]
    NoLetters(String),
    /// The topic has no partitions.
    #[error("there is no topic `{0}`; name a dead-letter topic, such as machine-measurement-dlq")]
    NoTopic(String),
    /// Kafka does not answer at all.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// Kafka refused or did not answer.
    #[error("Kafka: {0}")]
    Kafka(#[from] KafkaError),
    /// Kafka is reached no more, or does not say where the topic ends.
    #[error("nothing came from Kafka for {} s; run the replay again when it is back", .0.as_secs())]
    Silent(Duration),
    /// A letter could not be written back.
    #[error("a letter could not be written to `{topic}`: {error}")]
    Delivery {
        /// Where it came from.
        topic: String,
        /// The client's error.
        error: KafkaError,
    },
    /// The reading thread panicked.
    #[error("the replay ended unexpectedly: {0}")]
    Panic(String),
}

impl ReplayError {
    /// Whether the letters that were asked for do not exist.
    pub fn is_of_usage(&self) -> bool {
        matches!(
            self,
            Self::NoOffsets { .. }
                | Self::NoPartition { .. }
                | Self::NoLetters(_)
                | Self::NoTopic(_)
        )
    }
}

/// Sends the letters that `args` choose back to where they came from.
///
/// # Errors
/// Where there are no such letters, or Kafka refuses something.
pub async fn replay(kafka: &KafkaSettings, args: &ReplayArgs) -> Result<Replayed, ReplayError> {
    kafka.reach(PATIENCE).await?;
    let (kafka, args) = (kafka.clone(), args.clone());
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(ReplayError::NoOffsets { from, to });
    }
    tokio::task::spawn_blocking(move || {
        // Before the survey: fences another replay, whose notes are then complete.
        let sender = resend::Sender::new(&kafka, &args)?;
        let (selection, mut replayed) = survey::survey(&kafka, &args)?;
        if let Some(sender) = sender {
            sender.resend(&kafka, &selection)?;
        }
        replayed.dry_run = args.dry_run;
        replayed.sent = selection.send.len();
        replayed.passed_over = selection.pass_over.len();
        Ok(replayed)
    })
    .await
    .unwrap_or_else(|panic| Err(ReplayError::Panic(panic.to_string())))
}

#[cfg(test)]
mod tests {
    use rdkafka::message::{Header, OwnedHeaders};
    use rdkafka::producer::FutureRecord;
    use test_support::Broker;

    use super::*;
    use crate::dead_letter::{TOPIC, topic_of};

    #[tokio::test]
    async fn a_dry_run_says_what_would_be_sent_and_what_is_not_there_is_refused() {
        let letters = topic_of("input");
        let broker = Broker::with_topics(2, [letters.as_str(), "input"]);
        let kafka = KafkaSettings::plain(broker.bootstrap_servers());
        let from = OwnedHeaders::new().insert(Header {
            key: TOPIC,
            value: Some("input"),
        });
        for (topic, headers) in [(letters.as_str(), from), ("input", OwnedHeaders::new())] {
            let record = FutureRecord::<(), _>::to(topic).payload("x");
            broker.send(record.headers(headers)).await;
        }
        let args = ReplayArgs {
            topic: letters,
            reason: None,
            partition: None,
            from: None,
            to: None,
            newest: false,
            dry_run: true,
        };
        let replayed = replay(&kafka, &args).await.expect("a survey").to_string();
        assert!(
            replayed.starts_with("1 would be sent back, 0 older"),
            "{replayed}"
        );
        let refused = [
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
                topic: "nowhere".into(),
                ..args
            },
        ];
        for args in refused {
            let error = replay(&kafka, &args).await.expect_err("not there");
            assert!(error.is_of_usage(), "{error}");
        }
    }
}
