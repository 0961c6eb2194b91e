//! A client of ksqlDB's REST API for the command line: one statement, a file, or a prompt.
//!
//! It knows a server by its API alone, the stock one or any other that answers the same. Unlike
//! ksqlDB's own client it ends with an error where a statement was rejected, and sends a whole file
//! of statements, `SET` included, in one request.
//!
//! | module | what is in it |
//! |---|---|
//! | [`args`] | the command line |
//! | [`run`](mod@run) | where the statements come from, and what ends the program |
//! | `lex`, [`split`] | a text into statements |
//! | [`settings`] | `SET`, `UNSET`, `DEFINE`, `UNDEFINE`, kept for later requests |
//! | `session` | statements into requests, and what becomes of the replies |
//! | [`client`] | the REST API |
//! | `transport`, [`error`] | one request over HTTP, and what can go wrong |
//! | [`stream`] | the rows of a running query out of the bytes of its reply |
//! | [`render`] | aligned tables and rows |
//! | `prompt` | reading statements from a terminal |

pub mod args;
pub mod client;
pub mod error;
mod lex;
mod prompt;
pub mod render;
pub mod run;
mod session;
pub mod settings;
pub mod split;
pub mod stream;
mod transport;

pub use args::KsqlArgs;
pub use error::Error;
pub use run::run;
