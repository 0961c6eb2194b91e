//! Executes plans: records in, changes out. No Kafka, no clock, no threads.
//!
//! A [`Task`] is one running query with the state of all its partitions. Only the timestamps of records
//! advance time: without a new record, no window closes.

mod aggregate;
mod change;
mod eval;
mod faults;
mod input;
mod join;
mod like;
mod murmur2;
mod record;
mod sink;
mod task;

pub use change::{Change, Key, Outcome, Problem, QueryFailed, Step};
pub use murmur2::partition_of;
pub use record::{Header, OutputRecord, Record};
pub use sink::SinkWriter;
pub use task::Task;
