//! Executes plans: records in, changes out. No Kafka, no clock, no threads.
//!
//! A [`Task`] is one running query with the state of all its partitions. Time is what the records'
//! timestamps say; nothing happens when no record comes.

mod aggregate;
pub mod change;
mod eval;
mod faults;
mod input;
mod join;
mod like;
pub mod murmur2;
pub mod record;
pub mod sink;
pub mod task;

pub use change::{Change, Outcome, Problem, QueryFailed, Step};
pub use record::{Header, OutputRecord, Record};
pub use sink::SinkWriter;
pub use task::Task;
