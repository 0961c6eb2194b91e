//! The report of a run: an account of every record, drift episodes with their cause, and the verdict.
//!
//! Pure: it takes records and the model's history, and does no I/O. It works the same whether the
//! pipeline runs in this process or not.
//!
//! | module | content |
//! |---|---|
//! | [`ledger`] | every record seen, grouped by key |
//! | [`history`] | the model's versions and the decisions on them |
//! | `build` | from ledger and history to the report |
//! | `accounting` | which steps each record passed, and which it missed |
//! | `drift` | where drift began and where it recovered |
//! | `cause` | why a window's error was high |
//! | `phases` | stretches of consecutive records of one group, or one phase for each group |
//! | `report` | the report as a value |
//! | `json` | the JSON of `--report FILE`, with keys made from the names of the pipeline |
//! | `text` | the report as text |
//! | `progress` | the progress of a run in one line |
//! | `rising` | whether the newest records are predicted badly |
//! | `unseen` | whether the newest records have levels on which the model was not trained |
//! | `standstill` | steps that records no longer pass |
//!
//! ```
//! use std::time::Duration;
//!
//! use pipeline::Definition;
//! use report::{Ledger, Sources, Verdict};
//!
//! let ledger = Ledger::new(Definition::shipped());
//! let report = report::build(&Sources::of(&ledger, 0.15, Duration::from_secs(60)));
//! assert_eq!(report.verdict, Verdict::Failed);
//! assert!(report.reasons[0].ends_with("was measured"));
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
mod unseen;

pub use accounting::missing;
pub use build::{Sources, build, record_rows, summary};
pub use history::ModelHistory;
pub use json::write_json;
pub use ledger::{Ledger, SeenRecord, Selection};
pub use phases::{NAMED_GROUPS, OtherPhases};
pub use progress::Progress;
pub use report::{
    DriftCause, FeatureShift, GroupError, LevelError, Phase, RecordCounts, RecordRow, Report,
    Retraining, Verdict,
};
pub use rising::Rise;
pub use standstill::{Standstill, Step, standstills};
pub use text::{error_text, in_brackets, listed, others, printable, short};
pub use unseen::Unseen;
