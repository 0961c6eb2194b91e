//! Dead letters: records that cannot be processed, stored on a separate topic.
//!
//! A dead letter has the record's key, value, timestamp and headers, and these additional headers
//! (text in UTF-8). If a record is dead-lettered twice, the last header of a name counts.
//!
//! | header | content |
//! |---|---|
//! | `dlq.topic` | the topic of the record |
//! | `dlq.partition` | its partition |
//! | `dlq.offset` | its offset |
//! | `dlq.timestamp` | its timestamp in milliseconds since 1970-01-01T00:00Z; absent if it has none |
//! | `dlq.reason` | what is wrong with the record |
//! | `dlq.status` | the status code of the HTTP response that rejected it; absent if there was none |
//! | `dlq.omitted` | only if the record and these headers exceed the size of a message: the number of bytes left out |
//!
//! A dead letter with `dlq.omitted` has no value, none of the record's headers, and no key if that is
//! large. The record itself remains on its topic until retention deletes it.
//!
//! | module | contents |
//! |---|---|
//! | `write` | [`DeadLetter`], ready for a producer |
//! | `origin` | [`Origin`]: the topic of a dead letter's record and the reason |
//! | [`replay`] | sending dead letters back to their topics |
//! | `survey` | the first pass of a replay: which dead letters to send |
//! | `ledger` | notes about dead letters that are done |

mod ledger;
mod origin;
pub mod replay;
mod survey;
mod write;

pub use ledger::{NOTE, is_note};
pub use origin::Origin;
pub use write::{DeadLetter, Reason};

/// Header: the topic of the record.
pub const TOPIC: &str = "dlq.topic";
/// Header: its partition.
pub const PARTITION: &str = "dlq.partition";
/// Header: its offset.
pub const OFFSET: &str = "dlq.offset";
/// Header: its timestamp in milliseconds.
pub const TIMESTAMP: &str = "dlq.timestamp";
/// Header: what is wrong with the record.
pub const REASON: &str = "dlq.reason";
/// Header: the status code of the HTTP response that rejected the record.
pub const STATUS: &str = "dlq.status";
/// Header: how many bytes of the record the dead letter does not contain.
pub const OMITTED: &str = "dlq.omitted";

/// The dead-letter topic of a topic.
///
/// ```
/// assert_eq!(kafka_io::dead_letter::topic_of("weights"), "weights-dlq");
/// ```
pub fn topic_of(topic: &str) -> String {
    format!("{topic}-dlq")
}
