//! Formats the server's responses for people.

mod descriptions;
mod lists;
mod table;

use std::io::{self, Write};

use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) use self::table::RowTable;
use self::table::printable;

/// Writes a value on one line, as the server wrote it.
pub(crate) fn json_line(out: &mut dyn Write, raw: &RawValue) -> io::Result<()> {
    // A JSON string never contains a line break.
    writeln!(out, "{}", raw.get().replace(['\r', '\n'], " "))?;
    out.flush()
}

/// Writes an entity that `/ksql` returns. Writes an unknown kind or shape as JSON.
pub(crate) fn show(out: &mut dyn Write, entity: &Value) -> io::Result<()> {
    let text = known(entity).unwrap_or_else(|| format!("{entity:#}\n"));
    out.write_all(text.as_bytes())?;
    for warning in entity["warnings"].as_array().into_iter().flatten() {
        let message = warning["message"].as_str();
        let text = message.map_or_else(|| warning.to_string(), lines);
        writeln!(out, "Warning: {text}")?;
    }
    out.flush()
}

fn known(entity: &Value) -> Option<String> {
    let kind = entity["@type"].as_str()?;
    let block = match kind {
        "currentStatus" => {
            let message = entity["commandStatus"]["message"].as_str()?;
            return Some(format!("{}\n", lines(message)));
        }
        "warning_entity" => return Some(format!("{}\n", lines(entity["message"].as_str()?))),
        "sourceDescription" => descriptions::source(&entity["sourceDescription"])?,
        "queryDescription" => descriptions::query(&entity["queryDescription"])?,
        "describe_function" => descriptions::function(entity)?,
        "source_descriptions" => all(&entity["sourceDescriptions"], descriptions::source)?,
        "query_descriptions" => all(&entity["queryDescriptions"], descriptions::query)?,
        _ => lists::list(kind, entity)?,
    };
    Some(format!("\n{block}\n"))
}

fn all(list: &Value, describe: fn(&Value) -> Option<String>) -> Option<String> {
    let texts: Option<Vec<_>> = list.as_array()?.iter().map(describe).collect();
    Some(texts?.join("\n\n"))
}

fn lines(message: &str) -> String {
    let lines: Vec<_> = message.lines().map(printable).collect();
    lines.join("\n")
}
