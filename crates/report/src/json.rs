//! The JSON of a report. The keys that name records, groups and the step of the actual value are made from
//! the names of the pipeline: `delivery_rows`, `first_delivery`.

use std::collections::HashSet;
use std::io::{self, Write};

use pipeline::Definition;
use serde::de;
use serde::ser::{self, Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use crate::build::record_rows;
use crate::ledger::{Ledger, Selection};
use crate::report::{RecordRow, Report};

/// The key of the records' rows before it is made from the name of a record.
const ROWS: &str = "record_rows";

/// Keys that do not depend on the pipeline and stand beside keys that do.
const FIXED: [&str; 42] = [
    "verdict",
    "reasons",
    "threshold",
    "phases",
    "retrainings",
    "open_drift",
    "mean_error_after_recovery",
    "wall_seconds",
    "first_prediction_seconds",
    "peak_memory_bytes",
    "mean_error",
    "model_versions",
    "window_start",
    "window_end",
    "error_avg",
    "erring_version",
    "cause",
    "rows",
    "first_row",
    "last_row",
    "version",
    "outcome",
    "started",
    "ended",
    "event_seconds_to_recovery",
    "levels",
    "features",
    "training_rows",
    "id",
    "measured",
    "predicted",
    "actual",
    "error",
    "model_version",
    "joined",
    "stored",
    "duplicates",
    "dead_letters",
    "unreadable",
    "column",
    "level",
    "feature",
];

/// The keys made from the names of a pipeline, each with the key of the report's type.
struct Keys(Vec<(&'static str, String)>);

impl Keys {
    /// A name that cannot be a key, because another key has it, is replaced by the general key.
    fn of(definition: &Definition) -> Self {
        let mut taken: HashSet<String> = FIXED.map(str::to_owned).into();
        let mut key = |name: Option<&str>, general: &str| {
            let made = name.unwrap_or(general).to_lowercase();
            let mut made = made.split_whitespace().collect::<Vec<_>>().join("_");
            let is_taken = |key: &String, taken: &HashSet<String>| {
                let ends = ["first", "last"].map(|end| format!("{end}_{key}"));
                taken.contains(key) || ends.iter().any(|key| taken.contains(key))
            };
            if is_taken(&made, &taken) {
                general.clone_into(&mut made);
            }
            while is_taken(&made, &taken) {
                made.push('_');
            }
            taken.insert(made.clone());
            made
        };
        let step = key(Some(&definition.actual_step), "weighed");
        let record = key(Some(&definition.record), "records");
        let group = key(definition.group().map(|group| group.name.as_str()), "group");
        Self(vec![
            ("weighed", step),
            ("records", record.clone()),
            (ROWS, format!("{record}_rows")),
            ("first_record", format!("first_{record}")),
            ("last_record", format!("last_{record}")),
            ("record_id_start", format!("{record}_id_start")),
            ("record_id_end", format!("{record}_id_end")),
            ("first_record_drifted", format!("first_{record}_drifted")),
            (
                "first_record_recovered",
                format!("first_{record}_recovered"),
            ),
            ("records_to_recovery", format!("{record}_to_recovery")),
            ("trained_group", format!("trained_{group}")),
            ("unseen_group", format!("unseen_{group}")),
            ("group", group),
        ])
    }

    /// The key in the JSON.
    fn made<'a>(&'a self, key: &'a str) -> &'a str {
        let found = self.0.iter().find(|(general, _)| *general == key);
        found.map_or(key, |(_, made)| made)
    }

    /// A place in the JSON.
    fn path(&self, path: &serde_path_to_error::Path) -> String {
        let mut text = String::new();
        for segment in path {
            match segment {
                Segment::Map { key } => {
                    let point = if text.is_empty() { "" } else { "." };
                    text += &format!("{point}{}", self.made(key));
                }
                other => text += &other.to_string(),
            }
        }
        text
    }

    /// The key of the report's type.
    fn general<'a>(&self, key: &'a str) -> &'a str {
        let found = self.0.iter().find(|(_, made)| made == key);
        found.map_or(key, |(general, _)| general)
    }
}

/// A value with other keys in all its objects.
fn with_keys(value: Value, key: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter();
            let fields: Map<_, _> = fields
                .map(|(name, value)| (key(&name), with_keys(value, key)))
                .collect();
            fields.into()
        }
        Value::Array(items) => {
            let items = items.into_iter();
            items.map(|item| with_keys(item, key)).collect()
        }
        other => other,
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys = Keys::of(self.definition);
        // Derived, with the keys of the type.
        let value = Self::serialize(self, serde_json::value::Serializer);
        let value = value.map_err(ser::Error::custom)?;
        with_keys(value, &|key| keys.made(key).to_owned()).serialize(serializer)
    }
}

impl Report {
    /// The key of [`record_rows`](Self::record_rows) in the JSON.
    pub fn rows_key(&self) -> String {
        Keys::of(self.definition).made(ROWS).to_owned()
    }

    /// Reads the JSON of a report of a pipeline.
    ///
    /// # Errors
    /// If it is not such a report.
    pub fn from_json(definition: &'static Definition, json: &[u8]) -> serde_json::Result<Self> {
        let keys = Keys::of(definition);
        let value: Value = serde_json::from_slice(json)?;
        let rows = keys.made(ROWS);
        if value.get(rows).is_none() {
            return Err(<serde_json::Error as de::Error>::custom(format!(
                "`{rows}` is missing; expected a report of the pipeline whose records are {}",
                definition.records
            )));
        }
        // Derived, with the keys of the type.
        let value = with_keys(value, &|key| keys.general(key).to_owned());
        let mut track = serde_path_to_error::Track::new();
        let read = Self::deserialize(serde_path_to_error::Deserializer::new(value, &mut track));
        let mut report = read.map_err(|error| {
            let path = keys.path(&track.path());
            <serde_json::Error as de::Error>::custom(format!("{path}: {error}"))
        })?;
        report.definition = definition;
        Ok(report)
    }
}

/// Writes the JSON of a report whose rows are still in the ledger: the same text as that of
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
    let keys = Keys::of(report.definition);
    let document = Document {
        fields: fields.as_object().into_iter().flatten().collect(),
        rows: Rows {
            ledger,
            selection,
            keys: &keys,
        },
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
            if *name == self.rows.keys.made(ROWS) {
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
    keys: &'a Keys,
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = record_rows(self.ledger, self.selection);
        serializer.collect_seq(rows.map(|row| Row {
            row,
            keys: self.keys,
        }))
    }
}

/// One row.
struct Row<'a> {
    row: RecordRow,
    keys: &'a Keys,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // As derived, and without a copy of each row.
        let (row, keys) = (&self.row, self.keys);
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("id", &row.id)?;
        if let Some(group) = &row.group {
            fields.serialize_entry(keys.made("group"), group)?;
        }
        fields.serialize_entry("measured", &row.measured)?;
        fields.serialize_entry(keys.made("weighed"), &row.weighed)?;
        fields.serialize_entry("predicted", &row.predicted)?;
        fields.serialize_entry("actual", &row.actual)?;
        fields.serialize_entry("error", &row.error)?;
        fields.serialize_entry("model_version", &row.model_version)?;
        fields.serialize_entry(keys.made("unseen_group"), &row.unseen_level)?;
        fields.end()
    }
}
