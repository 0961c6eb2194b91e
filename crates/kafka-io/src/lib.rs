//! Kafka for the suite's programs: client settings, the consume-process-produce pipeline and dead
//! letters. It does not depend on a pipeline's columns or on HTTP.
//!
//! | module | contents |
//! |---|---|
//! | [`client`] | settings as flags, statistics as metrics, reachability, consumers that report the end of a partition |
//! | [`dead_letter`] | writing dead letters and replaying them; uses `client` |
//! | [`pipeline`] | the pipeline and its delivery rule; uses `client` and `dead_letter` |
//!
//! A program implements [`Step`] and runs it in a [`Pipeline`]:
//!
//! ```no_run
//! use kafka_io::{
//!     Decision, Emission, KafkaSettings, Pipeline, PipelineConfig, PipelineMetrics, Reason, Record,
//!     Step,
//! };
//! use tokio_util::sync::CancellationToken;
//!
//! /// Copies values; records without one become dead letters.
//! struct Copy;
//!
//! impl Step for Copy {
//!     async fn decide<'a>(&'a self, records: &'a [Record<'a>]) -> Vec<Decision> {
//!         let decide = |record: &Record<'_>| match record.value {
//!             Some(value) => Decision::Emit(Emission {
//!                 value: value.to_vec().into(),
//!                 headers: [].into(),
//!             }),
//!             None => Decision::DeadLetter(Reason::new("no value")),
//!         };
//!         records.iter().map(decide).collect()
//!     }
//! }
//!
//! # async fn run() -> Result<(), kafka_io::PipelineError> {
//! let kafka = KafkaSettings::plain("127.0.0.1:9092");
//! let config = PipelineConfig::new(kafka, "copier", "in", "out");
//! let metrics = PipelineMetrics::register(&mut Default::default());
//! Pipeline::new(config, metrics)?.run(Copy, CancellationToken::new()).await
//! # }
//! ```

pub mod client;
pub mod dead_letter;
pub mod pipeline;

pub use client::{
    EofContext, KafkaProperty, KafkaSettings, PropertyError, Record, Unreachable, is_transient,
    partition_count, readable_headers,
};
pub use dead_letter::Reason;
pub use pipeline::{
    Backoff, BatchLimits, Decision, Emission, Failure, Health, Pipeline, PipelineConfig,
    PipelineError, PipelineMetrics, Step, Unavailable,
};
