//! What a pipeline is: its topics, the records on them, event time, the trigger's rule.
//!
//! | module | what is in it |
//! |---|---|
//! | [`topics`] | the names of the topics |
//! | [`event_time`] | when something happened: milliseconds, and their text form |
//! | [`records`] | one type for each topic's value, with its JSON field names |
//! | [`trigger_rule`] | when the SQL triggers a retraining |
//! | [`wire`] | between a record and its bytes, with errors that name the field |
//!
//! No I/O: a record is read from bytes and written to bytes. Lengths and heights are centimetres,
//! weights kilograms. Unknown fields are accepted and ignored, so that a producer may add some.

pub mod event_time;
pub mod records;
pub mod topics;
pub mod trigger_rule;
pub mod wire;

pub use event_time::EventTime;
pub use records::{
    Measurement, Prediction, RetrainTrigger, Weighing, WeightDiff, WeightPrediction,
};
pub use trigger_rule::{RuleError, TooLateToJoin, TriggerRule};
pub use wire::{FromWire, MessageError, ToWire};
