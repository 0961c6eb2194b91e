//! The JSON of a report with many fish, written row by row.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::build::fish_rows;
use crate::ledger::{Ledger, Selection};
use crate::report::Report;

/// Writes the JSON of a report whose `fish_rows` are still in the ledger: the same text as that of
/// [`build`](crate::build()).
///
/// # Errors
/// If `out` cannot be written.
pub fn write_json(
    report: &Report,
    ledger: &Ledger,
    selection: &Selection,
    out: impl Write,
) -> io::Result<()> {
    let fields = serde_json::to_value(report)?;
    let document = Document {
        fields: fields.as_object().into_iter().flatten().collect(),
        rows: Rows { ledger, selection },
    };
    Ok(serde_json::to_writer_pretty(out, &document)?)
}

/// The fields of a report, and its rows.
struct Document<'a> {
    fields: Vec<(&'a String, &'a Value)>,
    rows: Rows<'a>,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_map(Some(self.fields.len()))?;
        for (name, value) in &self.fields {
            if *name == "fish_rows" {
                document.serialize_entry(name, &self.rows)?;
            } else {
                document.serialize_entry(name, value)?;
            }
        }
        document.end()
    }
}

/// The rows of a ledger, serialized one after the other.
struct Rows<'a> {
    ledger: &'a Ledger,
    selection: &'a Selection,
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(fish_rows(self.ledger, self.selection))
    }
}
