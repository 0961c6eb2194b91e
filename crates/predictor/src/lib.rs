//! From topic over a model's HTTP API to topic: ordered, batched, nothing lost.
//!
//! It knows neither fish nor how the model works: which fields of a record the model is asked
//! with is configuration, and its answer is put into the record unread, as the last field
//! `Prediction`; every other byte of the record stays what it was.
//!
//! | module | what is in it |
//! |---|---|
//! | [`config`], [`features`] | the settings |
//! | [`service`] | [`Predictor`]: bind, port, run |
//! | `input`, `rows` | reading what the model needs out of the records |
//! | `batched`, `per_record` | the step of the pipeline: asking for many records, or for each |
//! | `model` | the model's API over HTTP, and what each status means |
//! | `answer` | reading the answers, putting them into the records |
//! | `metrics` | what is measured about the model's API |
//!
//! Reading, ordering, writing and committing are [`kafka_io::pipeline`]'s.

mod answer;
mod batched;
pub mod config;
pub mod features;
mod input;
mod metrics;
mod model;
mod per_record;
mod rows;
pub mod service;
#[cfg(feature = "model-tls")]
mod tls;

pub use answer::MODEL_VERSION;
pub use config::{Config, ModelConfig};
pub use features::Feature;
pub use service::Predictor;
