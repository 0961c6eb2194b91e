//! Runs queries on Kafka's topics.
//!
//! Each query reads all partitions of its topics from the beginning, or from now on, without a
//! consumer group: its state is in memory, so a restart reads everything again. What a query writes
//! goes through its topic to the next query, as in ksqlDB.
//!
//! | module | |
//! |---|---|
//! | [`script`] | a script read before there is a broker: which topics does it need? |
//! | [`runtime`] | statements start and stop queries; start reading here |
//! | `query` | one query: consume, merge, execute, produce |
//! | [`merge`] | in which order records of several partitions are taken; pure |
//! | `consume` | reading one topic |
//! | `produce` | writing, with every delivery checked |
//! | `problem_log`, `processing_log` | what goes wrong with single records: in the log, in a topic |
//! | `topics` | what exists, and making what does not |
//! | [`metrics`] | what is counted |
//! | `options`, `error` | what a runtime is told, and why it stops |

pub mod consume;
mod error;
pub mod merge;
pub mod metrics;
mod options;
pub mod problem_log;
mod processing_log;
mod produce;
mod query;
pub mod runtime;
pub mod script;
pub mod topics;

pub use error::RuntimeError;
pub use metrics::Metrics;
pub use options::Options;
pub use runtime::{Listener, Runtime};
pub use script::Script;
pub use topics::{CreateTopic, NewTopic};

use kafka_io::KafkaSettings;
use tokio_util::sync::CancellationToken;

/// Runs a script's queries until `shutdown`, or until one cannot go on.
///
/// # Errors
/// A refused statement, a topic that cannot be made, records that were deleted before they were
/// read, or a Kafka error that does not pass by itself.
pub async fn run(
    script: &Script,
    settings: KafkaSettings,
    options: Options,
    shutdown: CancellationToken,
) -> Result<(), RuntimeError> {
    let runtime = Runtime::start(settings, options).await?;
    runtime.execute(script.text()).await?;
    runtime.run(shutdown).await
}
