//! Shows a running pipeline as a live page.
//!
//! The page is rendered here. It is a complete snapshot, and a small script replaces sections that have
//! changed, which arrive as server-sent events. A section is rendered once for all viewers, and nothing
//! is rendered or polled while no page is open.
//!
//! The monitor must not compute what `report` or `plots` computes, and changes the pipeline only through
//! the model server's API. Imports run from top to bottom of this table:
//!
//! | module | what is in it |
//! |---|---|
//! | `config`, `metrics` | settings; metrics |
//! | `collect` | polls what the topics do not contain: models, store, lag, queries, health |
//! | `state` | the state that the page shows, and its headline |
//! | `view` | the state as HTML, section by section, and the frames that viewers receive |
//! | `http` | the page, its events and its actions |
//! | `service` | wires everything together |
//!
//! ```no_run
//! use kafka_io::KafkaSettings;
//! use monitor::{Config, Monitor};
//! use service_runtime::CancellationToken;
//!
//! # async fn example() -> anyhow::Result<()> {
//! let kafka = KafkaSettings::plain("localhost:9092");
//! let monitor = Monitor::bind(Config::new(kafka, "http://localhost:8000")).await?;
//! println!("http://localhost:{}/", monitor.port());
//! monitor.run(CancellationToken::new()).await
//! # }
//! ```

mod collect;
mod config;
mod http;
mod metrics;
mod service;
mod state;
mod view;

pub use collect::WatchedPipeline;
pub use config::{Config, PartUrl};
pub use service::Monitor;
pub use view::Renderer;
