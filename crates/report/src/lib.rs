//! The report of a run: an account of every fish, drift episodes with their cause, and the verdict.
//!
//! Pure: it takes records and the model's history, and does no I/O. It works the same whether the
//! pipeline runs in this process or not.
//!
//! | module | content |
//! |---|---|
//! | [`ledger`] | every record seen, grouped by fish |
//! | [`history`] | the model's versions and the decisions on them |
//! | `build` | from ledger and history to the report |
//! | `accounting` | which steps each fish passed, and which it missed |
//! | `drift` | where drift began and where it recovered |
//! | `cause` | why a window's error was high |
//! | `phases` | stretches of consecutive fish of one species |
//! | `report` | the report as a value: the JSON of `--report FILE` |
//! | `json` | the JSON of a report with many fish, written row by row |
//! | `text` | the report as text |
//! | `progress` | the progress of a run in one line |
//! | `rising` | whether the newest fish are predicted badly |
//! | `standstill` | steps that fish no longer pass |
//!
//! ```
//! use std::time::Duration;
//!
//! use report::{Ledger, SeenRecord, Sources, Verdict};
//!
//! let mut ledger = Ledger::default();
//! let value = br#"{"Fish_Id":"1","Species":"salmon","Length":86.4,"Height":18.7,
//!     "Timestamp":"2021-06-09T13:39:27.971Z"}"#;
//! ledger.note(SeenRecord { topic: "machine-measurement", key: None, value: Some(value) })?;
//!
//! let report = report::build(&Sources::of(&ledger, 0.15, Duration::from_secs(60)));
//! assert_eq!(report.verdict, Verdict::Failed);
//! assert_eq!(report.reasons, ["fish 1 not predicted (last seen: measured)"]);
//! # Ok::<(), pipeline::MessageError>(())
//! ```

mod accounting;
mod build;
mod cause;
mod drift;
pub mod history;
mod json;
pub mod ledger;
mod phases;
mod progress;
mod report;
mod rising;
mod standstill;
mod text;

pub use accounting::missing;
pub use build::{Sources, build, fish_rows, summary};
pub use history::ModelHistory;
pub use json::write_json;
pub use ledger::{Ledger, SeenRecord, Selection};
pub use progress::Progress;
pub use report::{
    DriftCause, FeatureShift, FishCounts, FishRow, Phase, Report, Retraining, SpeciesError, Verdict,
};
pub use rising::Rise;
pub use standstill::{Standstill, Step, standstills};
pub use text::percent;
