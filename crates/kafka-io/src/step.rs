//! What a program of its own does with records: the only thing that the pipeline does not know.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::Record;

/// One processing step between an input and an output topic.
pub trait Step: Send + Sync + 'static {
    /// Decides what is to become of `records`, which are consecutive records of one partition
    /// (or, after a [`Decision::Retry`], those of them that are still open): exactly one decision
    /// for each, in their order.
    fn decide<'a>(
        &'a self,
        records: &'a [Record<'a>],
    ) -> impl Future<Output = Vec<Decision>> + Send + 'a;
}

/// What is to become of one record.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// A result goes to the output topic, with the record's key, timestamp and headers.
    Emit(Emission),
    /// The record cannot be used, now or later: it goes to the dead-letter topic.
    DeadLetter(Reason),
    /// Nothing is to be done for this record.
    Skip,
    /// Not the record's fault: try again later, however long it takes.
    Retry(Unavailable),
}

/// A result.
#[derive(Clone, Debug, PartialEq)]
pub struct Emission {
    /// The value on the output topic; the values of a batch may share one buffer.
    pub value: Bytes,
    /// Headers besides those of the source; results usually share them.
    pub headers: Arc<[(String, String)]>,
}

/// Why a record is dead-lettered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// For people, and for choosing what to replay: what is wrong with the record.
    pub text: String,
    /// The status of the HTTP answer that refused the record, where one did.
    pub status: Option<u16>,
}

impl Reason {
    /// A reason found without asking anyone.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            status: None,
        }
    }
}

/// What a step depends on does not work at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// For people: what does not work, and what to do about it.
    pub reason: String,
    /// How long to wait at least, where the other side said so.
    pub retry_after: Option<Duration>,
}
