//! A command-line client of ksqlDB's REST API: one statement, a file, or a prompt.
//!
//! It works with any server that has this API. Unlike ksqlDB's own client it exits with an error
//! when a statement is rejected, and sends a whole file of statements, `SET` included, in one request.
//!
//! | module | content |
//! |---|---|
//! | `args` | the command line |
//! | [`run`](mod@run) | reads the statements, runs them and decides the exit |
//! | `prompt` | statements from a terminal |
//! | `statement` | kinds of statements; the settings that later requests carry |
//! | `session` | turns statements into requests and responses into output |
//! | `client`, [`Error`] | the REST API and its errors |
//! | `stream` | reads rows from the bytes of a query's response |
//! | `render` | tables and descriptions |
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use clap::{Args, Command, FromArgMatches};
//! use ksql_client::KsqlArgs;
//!
//! let command = KsqlArgs::augment_args(Command::new("ksql"));
//! let args = KsqlArgs::from_arg_matches(&command.get_matches_from(["ksql", "SHOW STREAMS"]))?;
//! ksql_client::run(args, Default::default()).await
//! # }
//! ```

mod args;
mod client;
mod error;
mod prompt;
mod render;
pub mod run;
mod session;
mod statement;
mod stream;

pub use args::KsqlArgs;
pub use error::{Error, Rejection};
pub use run::run;
