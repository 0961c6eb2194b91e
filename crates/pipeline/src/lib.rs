//! The contract of the pipeline: its topics, their records, event time, and the trigger's rule.
//!
//! | module | content |
//! |---|---|
//! | [`definition`] | `pipeline.toml`: records, topics, columns, model |
//! | [`mod@column`] | a column and its valid values |
//! | [`fields`] | the records of a pipeline, read with the columns of its definition |
//! | [`feed`](mod@feed) | the CSV rows that are sent through the pipeline |
//! | [`topics`] | the names of the topics |
//! | [`event_time`] | when something happened: milliseconds and their text form |
//! | [`records`] | one type for the value of each topic, with its JSON field names |
//! | [`trigger_rule`] | when the SQL triggers a retraining |
//! | [`wire`] | from a record to its bytes and back, with errors that name the field |
//!
//! It does no I/O. Lengths and heights are in centimetres, weights in kilograms. Unknown fields are
//! ignored, so a producer may add fields.
//!
//! ```
//! use pipeline::{FromWire, Weighing};
//!
//! let weighing = Weighing::from_wire(
//!     br#"{"Fish_Id":"1","Species":"salmon","Weight":4.44,"Timestamp":"2021-06-09T13:39:37.971Z"}"#,
//! )?;
//! assert_eq!(weighing.weight_kg, 4.44);
//!
//! let error = Weighing::from_wire(br#"{"Fish_Id":"1","Species":"salmon"}"#).unwrap_err();
//! assert_eq!(error.to_string(), "field `Weight`: is missing");
//! # Ok::<(), pipeline::MessageError>(())
//! ```

pub mod column;
pub mod definition;
pub mod event_time;
pub mod feed;
pub mod fields;
pub mod records;
pub mod topics;
pub mod trigger_rule;
pub mod wire;

pub use column::Column;
pub use definition::{Definition, DefinitionError, ErrorKind, Topics};
pub use event_time::EventTime;
pub use feed::{Feed, FeedTimes};
pub use fields::{Actual, Inputs, Joined, Measured, Predicted, TriggerRecord};
pub use records::{
    Measurement, Prediction, RetrainTrigger, Weighing, WeightDiff, WeightPrediction,
};
pub use trigger_rule::{RuleError, TooLateToJoin, TriggerRule};
pub use wire::{FromWire, MessageError, ToWire};
