//! The whole loop in one process, and the tools for any running pipeline.
//!
//! | module | what is in it |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`demo`] | one plan through the whole loop, with a report and a verdict |
//! | [`up`] | everything in this process until it is stopped |
//! | [`verify`] | the demo's report for any running pipeline |
//! | [`connectors`] | connector files put to a running Kafka Connect |
//! | [`replay`] | dead letters go back to where they came from |
//! | [`embedded`] | broker, services, SQL and connectors of the pipeline in this process |
//! | [`pipeline_files`] | the SQL and connector files, shipped or the user's |
//! | [`progress`] | the live line |

pub mod cli;
pub mod connectors;
pub mod demo;
pub mod embedded;
pub mod pipeline_files;
pub mod progress;
pub mod replay;
pub mod up;
pub mod verify;
