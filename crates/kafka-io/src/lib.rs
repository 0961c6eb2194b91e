//! What the suite's Kafka clients share. It knows no fish and no HTTP.
//!
//! | module | what is in it |
//! |---|---|
//! | [`settings`] | the broker's address and any librdkafka property, as flags and as client configurations |
//! | [`dead_letter`] | records that cannot be used, kept with where they came from and why |
//! | [`pipeline`] | consume, process, produce, commit: the delivery rule; start reading here |
//! | [`step`] | what a program of its own adds to the pipeline |
//! | [`record`] | one record, and consecutive records of a partition |
//! | [`offsets`] | which offset may be stored |
//! | [`gate`] | waiting for what the step depends on |
//! | [`headers`] | headers whose names are text |
//! | [`metrics`] | what a pipeline counts and measures |
//! | `reachable` | whether Kafka answers |
//! | [`replay`] | sending dead letters back to where they came from |

mod attempt;
mod client_log;
pub mod dead_letter;
mod ends;
mod events;
pub mod gate;
pub mod headers;
mod health;
mod lane;
pub mod metrics;
pub mod offsets;
pub mod pipeline;
mod reachable;
mod reader;
mod receipt;
pub mod record;
pub mod replay;
pub mod settings;
mod statistics;
pub mod step;
mod topics;
mod writer;

pub use ends::{ToldOfEnds, passes};
pub use health::{Health, PipelineError};
pub use lane::BatchLimits;
pub use metrics::PipelineMetrics;
pub use pipeline::{Pipeline, PipelineConfig};
pub use reachable::Unreachable;
pub use receipt::Failure;
pub use record::{Batch, Record};
pub use settings::{KafkaProperty, KafkaSettings, PropertyError};
pub use step::{Decision, Emission, Reason, Step, Unavailable};
pub use writer::{SOURCE_OFFSET, SOURCE_PARTITION, SOURCE_TOPIC};
