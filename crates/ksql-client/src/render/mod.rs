//! What is shown of the server's replies.

mod cell;
mod columns;
mod descriptions;
mod entities;
mod lists;
mod rows;

use std::io::{self, Write};

use serde_json::value::RawValue;

pub use entities::show;
pub use rows::RowTable;

/// Writes a value on one line, as the server wrote it.
///
/// # Errors
/// Those of the writer.
pub fn json_line(out: &mut dyn Write, raw: &RawValue) -> io::Result<()> {
    // A line break in JSON is never part of a text.
    writeln!(out, "{}", raw.get().replace(['\r', '\n'], " "))?;
    out.flush()
}
