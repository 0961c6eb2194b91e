//! Writes the folder of a pipeline for the rows of a CSV file: `catchweight init`.
//!
//! | module | contents |
//! |---|---|
//! | [`init`](mod@init) | the command: reads the file, chooses, writes, and prints what it did |
//! | [`survey`] | what the columns of the file contain |
//! | [`columns`] | which columns are used, and why the others are not |
//! | [`levels`] | how much the levels of a category explain, in the whole file |
//! | [`stretches`] | parts of the file on which a model is tried out |
//! | [`model`] | formula, error and threshold, tried out on the rows |
//! | [`spans`] | the times in the SQL, from the times of the rows |
//! | [`files`] | the text of `pipeline.toml`, the SQL and the connector files |
//! | [`table`], [`summary`] | what is printed |

pub mod columns;
pub mod files;
pub mod init;
pub mod levels;
pub mod model;
pub mod spans;
pub mod stretches;
pub mod summary;
pub mod survey;
pub mod table;

pub use init::{InitArgs, run};
