//! Reads rows from the bytes of a query's response.
//!
//! `/query` responds with one JSON array that grows while the query runs:
//! `[{"header":…},\n{"row":…},\n…{"finalMessage":…}]`, with blank lines that keep the connection alive.
//! The newer `/query-stream` responds with a description of the columns and one array for each row.
//! [`Rows`] reads both, in pieces of any size.

mod schema;
mod values;

use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) use self::schema::Column;
use self::schema::columns;
pub(crate) use self::values::StreamError;
use self::values::Values;
use crate::error::Rejection;

/// The meaning of one value of a response.
#[derive(Debug)]
pub(crate) enum Event {
    /// The columns of the rows that follow.
    Header(Vec<Column>),
    /// A row.
    Row {
        /// One JSON value for each column, as the server wrote it.
        cells: Vec<Box<RawValue>>,
        /// Whether the row marks its key as deleted.
        tombstone: bool,
    },
    /// Why the query ended, for example because it reached its limit.
    Final(String),
    /// The query failed.
    Failed(Rejection),
    /// Anything else.
    Other,
}

/// An event, and its JSON as the server wrote it.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) event: Event,
    pub(crate) raw: Box<RawValue>,
}

/// Reads the response to a query.
#[derive(Default)]
pub(crate) struct Rows(Values);

impl Rows {
    /// The events that are complete after these bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Item>, StreamError> {
        let values = self.0.push(bytes)?;
        let items = values.into_iter().map(|raw| Item {
            event: event(&raw),
            raw,
        });
        Ok(items.collect())
    }

    /// Checks that the response is complete.
    pub(crate) fn finish(&self) -> Result<(), StreamError> {
        self.0.finish()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    header: Option<Header>,
    row: Option<Row>,
    final_message: Option<String>,
    error_message: Option<Rejection>,
    column_names: Option<Vec<String>>,
    column_types: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Header {
    schema: String,
}

#[derive(Deserialize)]
struct Row {
    columns: Vec<Box<RawValue>>,
    #[serde(default)]
    tombstone: Option<bool>,
}

fn event(raw: &RawValue) -> Event {
    if let Ok(cells) = serde_json::from_str(raw.get()) {
        let tombstone = false;
        return Event::Row { cells, tombstone };
    }
    if let Ok(rejection) = serde_json::from_str(raw.get()) {
        return Event::Failed(rejection);
    }
    let Ok(object) = serde_json::from_str::<Object>(raw.get()) else {
        return Event::Other;
    };
    if let Some(header) = object.header {
        Event::Header(columns(&header.schema))
    } else if let Some(row) = object.row {
        Event::Row {
            cells: row.columns,
            tombstone: row.tombstone.unwrap_or_default(),
        }
    } else if let Some(message) = object.final_message {
        Event::Final(message)
    } else if let Some(rejection) = object.error_message {
        Event::Failed(rejection)
    } else if let Some(names) = object.column_names {
        let mut types = object.column_types.unwrap_or_default().into_iter();
        let column = |name| Column {
            name,
            sql_type: types.next().unwrap_or_default(),
        };
        Event::Header(names.into_iter().map(column).collect())
    } else {
        Event::Other
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V1: &str = "\n[{\"header\":{\"queryId\":\"q\",\"schema\":\"`A` STRING, `B` ARRAY<STRING>\"}},\n\n\n\
        {\"row\":{\"columns\":[\"x\",[\"]\",null,\"Plötze \\\"x\\\\\"]]}},\n\
        {\"row\":{\"columns\":[null,1.50E27],\"tombstone\":true}},\n\
        {\"finalMessage\":\"Limit Reached\"}\n]";
    const DELIMITED: &str = "{\"queryId\":\"q\",\"columnNames\":[\"A\",\"B\"],\"columnTypes\":[\"STRING\",\"STRUCT<`c` DOUBLE>\"]}\n\
        [\"x\",{\"c\":1.0}]\n\n[{\"c\":2.0},null]\n";

    fn read(pieces: &[&[u8]]) -> Vec<String> {
        let mut rows = Rows::default();
        let mut shown = Vec::new();
        for piece in pieces {
            for item in rows.push(piece).unwrap() {
                shown.push(match item.event {
                    Event::Row { cells, tombstone } => {
                        let cells: Vec<_> = cells.iter().map(|cell| cell.get()).collect();
                        format!("{} {tombstone}", cells.join("|"))
                    }
                    event => format!("{event:?}"),
                });
            }
        }
        rows.finish().unwrap();
        shown
    }

    #[test]
    fn both_forms_of_a_response_are_read() {
        let v1 = read(&[V1.as_bytes()]);
        assert_eq!(
            v1[1..],
            [
                "\"x\"|[\"]\",null,\"Plötze \\\"x\\\\\"] false",
                "null|1.50E27 true",
                "Final(\"Limit Reached\")"
            ]
        );
        assert!(v1[0].contains("ARRAY<STRING>"), "{v1:?}");
        let delimited = read(&[DELIMITED.as_bytes()]);
        assert_eq!(
            delimited[1..],
            ["\"x\"|{\"c\":1.0} false", "{\"c\":2.0}|null false"]
        );
    }

    #[test]
    fn an_incomplete_response_is_an_error() {
        let end = V1.rfind(']').unwrap();
        let mut rows = Rows::default();
        rows.push(&V1.as_bytes()[..end]).unwrap();
        assert_eq!(rows.finish(), Err(StreamError::Incomplete));
        assert!(Rows::default().push(b"<html>").is_err());
        assert!(Rows::default().push(b"[{\"a\":}]").is_err());
    }

    #[test]
    fn a_failure_is_read_inside_and_outside_of_the_rows() {
        let error = r#"{"@type":"generic_error","error_code":50000,"message":"boom"}"#;
        for text in [format!("[{{\"errorMessage\":{error}}}]"), error.to_owned()] {
            let items = Rows::default().push(text.as_bytes()).unwrap();
            assert!(matches!(&items[0].event, Event::Failed(r) if r.message == "boom"));
        }
    }

    proptest! {
        #[test]
        fn rows_do_not_depend_on_the_pieces(
            text in prop::sample::select(vec![V1, DELIMITED]),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(read(&pieces), read(&[bytes]));
        }

        #[test]
        fn any_bytes_are_read_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut rows = Rows::default();
            if rows.push(&bytes).is_ok() {
                let _ = rows.finish();
            }
        }
    }
}
