//! What a program does with records; the pipeline does the rest.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::client::Record;
use crate::dead_letter::Reason;

/// One processing step between an input and an output topic.
pub trait Step: Send + Sync + 'static {
    /// Returns exactly one decision for each of `records`, in their order.
    ///
    /// The records are consecutive and of one partition. After a [`Decision::Retry`] the step gets only
    /// the records again that need another attempt.
    fn decide<'a>(
        &'a self,
        records: &'a [Record<'a>],
    ) -> impl Future<Output = Vec<Decision>> + Send + 'a;
}

/// What happens to a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// A result goes to the output topic, with the record's key, timestamp and headers.
    Emit(Emission),
    /// The record can never be processed: it goes to the dead-letter topic.
    DeadLetter(Reason),
    /// Nothing is written.
    Skip,
    /// The cause is not the record: try again later, for as long as it takes.
    Retry(Unavailable),
}

/// A result.
#[derive(Clone, Debug, PartialEq)]
pub struct Emission {
    /// The value for the output topic. The values of a batch may share one buffer.
    pub value: Bytes,
    /// Headers in addition to the record's. Results usually share them.
    pub headers: Arc<[(String, String)]>,
}

/// Something that the step depends on is unavailable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// For users: what is unavailable, and what to do.
    pub reason: String,
    /// The minimum wait, if the other side requested one.
    pub retry_after: Option<Duration>,
}
