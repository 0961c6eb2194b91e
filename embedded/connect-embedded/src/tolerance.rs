//! What happens to a record that cannot be delivered: `errors.*`.

use crate::ConfigError;
use crate::options::Options;

/// A connector's error handling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tolerance {
    /// `errors.tolerance=all`: continue after a failed record; otherwise the connector stops.
    pub(crate) all: bool,
    /// `errors.log.enable`: log each failed record.
    pub(crate) log: bool,
    /// `errors.log.include.messages`: with topic, partition and offset.
    pub(crate) log_coordinates: bool,
    /// Where failed records are written.
    pub(crate) dead_letters: Option<DeadLetterTopic>,
}

/// `errors.deadletterqueue.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetterTopic {
    pub(crate) topic: String,
    /// Whether a dead letter has the headers `__connect.errors.*`.
    pub(crate) context_headers: bool,
}

impl Tolerance {
    /// From `errors.*`, with Connect's defaults.
    pub(crate) fn from_options(options: &mut Options) -> Result<Self, ConfigError> {
        let all = options.choice(
            "errors.tolerance",
            Some(false),
            &[("none", false), ("all", true)],
        )?;
        let log = options.flag("errors.log.enable", false)?;
        let log_coordinates = options.flag("errors.log.include.messages", false)?;
        // The embedder creates the topics.
        options.number(
            "errors.deadletterqueue.topic.replication.factor",
            3,
            1..=i16::MAX,
        )?;
        let context_headers =
            options.flag("errors.deadletterqueue.context.headers.enable", false)?;
        let dead_letters = options
            .text("errors.deadletterqueue.topic.name")
            .filter(|topic| !topic.is_empty())
            .map(|topic| DeadLetterTopic {
                topic,
                context_headers,
            });
        Ok(Self {
            all,
            log,
            log_coordinates,
            dead_letters,
        })
    }
}
