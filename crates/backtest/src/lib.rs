//! Runs the rules of a pipeline over rows that are known already, to choose one: how often would it have
//! retrained, how soon after a drift, and how large would the errors have been?
//!
//! Everything is in this process and in the order of event time: the SQL of each rule, the model, the choice
//! of training rows and the gate are those of the running pipeline. There is no Kafka and no clock, so the same
//! rows always give the same figures. A new version predicts from the next measured record on.
//!
//! | module | contents |
//! |---|---|
//! | [`args`] | the command line |
//! | [`sql`] | the SQL engine, which the program provides |
//! | [`grid`] | variants of a pipeline's SQL |
//! | [`records`] | rows of a file, simulated fish, or records of a running pipeline |
//! | `run` | all rules and baselines over all records |
//! | `replay`, `store` | one rule with its model, rows and decision log |
//! | `drifts` | known drifts, and when a rule has found them |
//! | `hindsight` | a fit on all rows |
//! | [`summary`] | the figures |
//! | `text`, `picture` | the figures as tables and as a picture |

pub mod args;
mod drifts;
pub mod grid;
mod hindsight;
mod picture;
pub mod records;
mod replay;
mod run;
pub mod sql;
mod store;
pub mod summary;
mod text;

pub use args::BacktestArgs;
pub use records::Recorded;
pub use run::{Backtest, Stopped, backtest};
pub use sql::{Sql, SqlOutput, SqlRecord, StartSql};
pub use summary::Figures;
