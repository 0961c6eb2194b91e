//! A running pipeline, watched from outside: topics, model API, store.
//!
//! | module | what is in it |
//! |---|---|
//! | [`watched`] | a running pipeline seen from outside, and its report |
//! | [`observe`] | reads a running pipeline's topics into a ledger |
//! | `catching_up` | whether every topic was read to its end |
//! | [`event_clock`] | which event time a topic had reached some time ago by the wall clock |
//! | [`traffic`] | how records come: how many, how fast, when the newest |
//! | [`letters`] | the newest dead letters, each with its reason |
//! | [`cluster`] | the brokers, and how far consumer groups are behind |
//! | [`model_history`] | versions and decisions, asked of the model API |
//! | [`training_rows`](mod@training_rows) | a version's training rows, read from the model API's CSV |
//! | [`stored_rows`] | which rows of the training data are in a store |
//! | [`pipeline_sql`] | the pipeline's SQL: the shipped one or a file |
//! | [`memory`] | how much memory was used |

mod catching_up;
pub mod cluster;
pub mod event_clock;
pub mod letters;
pub mod memory;
pub mod model_history;
pub mod observe;
pub mod pipeline_sql;
pub mod stored_rows;
pub mod traffic;
pub mod training_rows;
pub mod watched;

pub use cluster::{Cluster, GroupTopic};
pub use event_clock::EventClock;
pub use letters::DeadLetter;
pub use model_history::ModelApi;
pub use observe::{Observer, Start, observed_topics};
pub use pipeline_sql::{PipelineSql, SqlArgs};
pub use stored_rows::StoredRows;
pub use watched::{Awaited, Outside, Watched};
