//! What happened to every fish, where the model drifted and recovered, and the verdict.
//!
//! Pure: it is fed records and the model's history, whether the pipeline ran in this process or
//! elsewhere, and does no I/O.
//!
//! | module | what is in it |
//! |---|---|
//! | [`ledger`] | accounts for every fish: what was seen of it on which topic |
//! | [`history`] | the model's versions and the decisions on them |
//! | [`progress`] | how far a run is |
//! | [`report`] | the report as a value |
//! | [`build`](mod@build) | from ledger and history to report |
//! | `account` | which steps each fish reached, and which it lacks |
//! | `cause` | why a window's error was high |
//! | `episodes` | where drift began and where it ended |
//! | `newest` | the report of the newest fish only |
//! | [`rising`] | whether the newest fish are predicted badly |
//! | [`standstill`] | steps that no fish passes any more |
//! | `text` | the report for people |

mod account;
pub mod build;
mod cause;
mod episodes;
pub mod history;
pub mod ledger;
mod newest;
pub mod progress;
pub mod report;
pub mod rising;
pub mod standstill;
mod text;

pub use account::missing;
pub use build::{Sources, build};
pub use history::ModelHistory;
pub use ledger::{Ledger, SeenRecord};
pub use progress::Progress;
pub use report::{
    DriftCause, FeatureShift, FishCounts, FishRow, Phase, Report, Retraining, SpeciesError, Verdict,
};
pub use rising::Rise;
pub use standstill::{Standstill, Step, standstills};
pub use text::percent;
