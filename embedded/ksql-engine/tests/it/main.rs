//! The engine against recordings of ksqlDB, against brute-force models, and on an in-process cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod broker;
#[path = "../../examples/qtt/cases.rs"]
mod cases;
#[path = "../../examples/qtt/compare.rs"]
mod compare;
#[path = "../../examples/qtt/driver.rs"]
mod driver;
mod fuzz;
mod having;
mod join_model;
mod observed;
mod oracle;
mod pipeline;
#[path = "../../examples/qtt/public.rs"]
mod public;
mod public_format;
mod refusals;
#[path = "../../examples/qtt/run.rs"]
mod run;
mod runtime;
#[path = "../../examples/qtt/same_json.rs"]
mod same_json;
mod statements;
mod window_model;
