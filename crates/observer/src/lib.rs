//! Observes a running pipeline from outside: its topics, its model API and its store.
//!
//! It only reads: observing a pipeline never changes it. What it sees goes into the ledger of the
//! crate `report`, which computes the numbers. The demo, `verify` and the live page all use it, so
//! they agree on which records are accounted for.
//!
//! | module | content |
//! |---|---|
//! | `view` | a pipeline as a whole: waits until it has settled, makes its report |
//! | `observer` | reads the topics into a ledger |
//! | `position` | where the observer reads a topic |
//! | `refusals` | what Kafka does not allow the observer |
//! | `catch_up` | whether every topic was read to its end |
//! | `event_clock` | the event time that each topic had reached some time ago |
//! | `traffic` | record counts, rates and ages by topic |
//! | `dead_letters` | the newest dead letters with their reasons |
//! | `cluster` | the brokers, and the lag of consumer groups |
//! | `model_api` | versions, decisions and training rows from the model API |
//! | `stored_rows` | which rows are in the store |
//!
//! ```no_run
//! use kafka_io::KafkaSettings;
//! use observer::{Observer, Start};
//! use pipeline::Definition;
//! use report::Ledger;
//! use service_runtime::{CancellationToken, Tasks};
//!
//! # async fn observe() -> anyhow::Result<()> {
//! let kafka = KafkaSettings::plain("127.0.0.1:9092");
//! let mut tasks = Tasks::new(CancellationToken::new());
//! let observer = Observer::start(&kafka, Ledger::new(Definition::shipped()), Start::Beginning, &mut tasks)?;
//! observer.caught_up().await;
//! println!("{} records", observer.ledger().steps().measured);
//! # Ok(())
//! # }
//! ```

mod catch_up;
mod cluster;
mod dead_letters;
mod event_clock;
mod model_api;
mod observer;
mod position;
mod refusals;
mod stored_rows;
mod traffic;
mod view;

pub use cluster::{Behind, Cluster, GroupTopic, GroupTopicError, Lag};
pub use dead_letters::{DeadLetter, DeadLetters};
pub use event_clock::EventClock;
pub use model_api::{ModelApi, history_from};
pub use observer::{Observer, Start, observed_topics};
pub use stored_rows::StoredRows;
pub use traffic::{TopicTraffic, Traffic};
pub use view::{PipelineView, Snapshot, Stalled};
