//! The rows of a running query out of the bytes of its reply.
//!
//! `/query` answers with one JSON array that grows for as long as the query runs:
//! `[{"header":…},\n{"row":…},\n…{"finalMessage":…}]`, with blank lines in between that keep the
//! connection alive. The newer form, of `/query-stream`, is a description of the columns and then
//! an array for each row. Both are read, however the bytes come.

mod rows;
mod schema;
mod text;
mod values;

pub use rows::{Event, Item, Rows};
pub use schema::Column;
pub use text::Lines;
pub use values::{StreamError, Values};
