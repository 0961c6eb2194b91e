//! Runs queries on Kafka's topics.
//!
//! Each query reads all partitions of its topics from their beginning, or only new records, without a
//! consumer group. Its state is in memory: after a restart, it reads everything again. As in ksqlDB, the
//! output of a query reaches the next query through its topic.
//!
//! | module | |
//! |---|---|
//! | `runtime` | statements start and stop queries; start reading here |
//! | `script` | checks a script without a broker |
//! | `query` | one query: consume, merge, execute, produce |
//! | `merge` | the order of records from several partitions; pure |
//! | `consume`, `produce` | reading a topic; writing with checked deliveries |
//! | `problem_log`, `processing_log` | problems with single records, in the log and in a topic |
//! | [`topics`] | listing and creating topics |
//! | `metrics`, `options`, `error` | counters, options and errors of a runtime |

mod consume;
mod error;
mod merge;
mod metrics;
mod options;
mod problem_log;
mod processing_log;
mod produce;
mod query;
mod runtime;
mod script;
pub mod topics;

pub use consume::{Event, Reader};
pub use error::RuntimeError;
pub use merge::MaxTaskIdle;
pub use metrics::{Metrics, QueryLabel};
pub use options::Options;
pub use problem_log::ProblemLog;
pub use runtime::{Listener, Runtime};
pub use script::{PROCESSING_LOG, Script};
pub use topics::{CreateTopic, NewTopic};

use kafka_io::KafkaSettings;
use tokio_util::sync::CancellationToken;

/// Runs a script's queries until `shutdown`, or until one of them fails.
///
/// # Errors
/// A refused statement, a topic that cannot be created, records that were deleted before they were
/// read, or a Kafka error that a retry cannot fix.
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
