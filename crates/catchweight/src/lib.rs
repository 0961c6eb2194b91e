//! The whole pipeline in one process, and tools for any running pipeline.
//!
//! It only wires the services and stand-ins together: it has no logic that a service needs.
//!
//! | module | content |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`demo`] | one plan through the whole pipeline, with a report and a verdict |
//! | [`up`] | the whole pipeline in this process until it is stopped |
//! | [`verify`] | the demo's report and verdict for any running pipeline |
//! | [`init`] | writes the folder of a pipeline for the rows of a CSV file |
//! | [`backtest`] | compares the rules of a pipeline on rows that are known already |
//! | [`check`] | compares the files of a folder with each other and with what runs |
//! | [`topics`] | creates the topics that the programs write |
//! | [`feed`] | sends the rows of a CSV file |
//! | [`connectors`] | creates or updates the connectors of a running Kafka Connect |
//! | [`replay`] | sends dead letters back to the topics they came from |
//! | [`embedded`] | broker, services, SQL and connectors in this process |
//! | [`pipeline_files`] | the SQL and connector files, shipped or the user's |
//! | `producer` | what the demo sends: simulated fish, or the rows of a file |
//! | `throttle` | keeps the producer close to the slowest stage in this process |
//! | [`output`] | where a report goes |
//! | [`progress`] | messages and the live line on standard output |

pub mod backtest;
pub mod check;
pub mod cli;
pub mod connectors;
pub mod demo;
pub mod embedded;
pub mod feed;
pub mod init;
pub mod output;
pub mod pipeline_files;
mod producer;
pub mod progress;
mod recorded;
pub mod replay;
mod throttle;
pub mod topics;
pub mod up;
pub mod verify;
