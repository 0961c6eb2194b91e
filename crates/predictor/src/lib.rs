//! The predictor: reads records from a topic, asks a model over HTTP for predictions, and writes both to
//! another topic, at least once and in order.
//!
//! It does not depend on the pipeline's columns or on the kind of model: the pipeline's definition names
//! topics, key and the fields for the model, and settings may override them. The prediction becomes the last field `Prediction` of the record; all other bytes stay the same.
//!
//! | module | contents |
//! |---|---|
//! | [`config`], [`features`] | the settings |
//! | [`service`] | [`Predictor`]: bind, port, run |
//! | `input`, `rows` | reading the fields for the model from records |
//! | `batched`, `per_record` | the pipeline step: one request for many records, or for each |
//! | `model` | the model's HTTP API and the meaning of its status codes |
//! | `answer` | what a model answers for one record: a number under the target's name, or why not |
//! | `response` | adding predictions to records |
//! | `metrics` | metrics of the model's API |
//!
//! [`kafka_io::pipeline`] reads, orders, writes and commits.
//!
//! ```no_run
//! # async fn run() -> anyhow::Result<()> {
//! use kafka_io::KafkaSettings;
//! use pipeline::Definition;
//! use predictor::{Config, Predictor};
//! use service_runtime::CancellationToken;
//!
//! let kafka = KafkaSettings::plain("127.0.0.1:9092");
//! let config = Config::new(Definition::shipped(), kafka, "http://127.0.0.1:8000");
//! let predictor = Predictor::bind(config).await?;
//! println!("metrics on port {}", predictor.port());
//! predictor.run(CancellationToken::new()).await
//! # }
//! ```

mod answer;
mod batched;
pub mod config;
pub mod features;
mod input;
mod metrics;
mod model;
mod per_record;
mod response;
mod rows;
pub mod service;

pub use config::{Config, ModelConfig};
pub use features::Feature;
pub use response::MODEL_VERSION;
pub use service::Predictor;
