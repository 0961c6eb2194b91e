//! Turns records into the rows of a request.

use std::ops::Range;

use kafka_io::{Decision, Reason, Record};

use crate::features::Feature;
use crate::input::Schema;

/// A record that can be sent to the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    /// Its index among the records.
    pub(crate) record: usize,
    /// Its value.
    pub(crate) value: &'a [u8],
    /// Where the prediction goes: the index of its closing brace.
    pub(crate) end: usize,
}

/// The rows of some records, and the decisions that need no model.
pub(crate) struct Rows<'a> {
    pub(crate) rows: Vec<Row<'a>>,
    /// The JSON texts of the features, row by row.
    texts: Vec<&'a str>,
    width: usize,
    /// One decision for each record; a placeholder if the model decides.
    pub(crate) decisions: Vec<Decision>,
}

impl<'a> Rows<'a> {
    /// Reads all records. Tombstones are skipped; unusable records are dead-lettered.
    pub(crate) fn read(schema: &Schema, width: usize, records: &[Record<'a>]) -> Self {
        let mut rows = Vec::with_capacity(records.len());
        let mut texts = Vec::with_capacity(records.len() * width);
        let mut decisions = Vec::with_capacity(records.len());
        for (at, record) in records.iter().enumerate() {
            let unusable = match record.value {
                None => None,
                Some(value) => match schema.read(record.key, value, &mut texts) {
                    Ok(readable) => {
                        rows.push(Row {
                            record: at,
                            value,
                            end: readable.end,
                        });
                        None
                    }
                    Err(text) => Some(Reason::new(text)),
                },
            };
            decisions.push(unusable.map_or(Decision::Skip, Decision::DeadLetter));
        }
        Self {
            rows,
            texts,
            width,
            decisions,
        }
    }

    /// The JSON texts of one row's features.
    pub(crate) fn texts(&self, row: usize) -> &[&'a str] {
        &self.texts[row * self.width..][..self.width]
    }

    /// The body of `POST /predictions` for some rows. Values keep their JSON text, so numbers keep their
    /// digits.
    pub(crate) fn body(&self, rows: Range<usize>, names: &ParameterNames) -> Vec<u8> {
        let texts = &self.texts[rows.start * self.width..rows.end * self.width];
        let size = texts.iter().map(|text| text.len() + 24).sum::<usize>();
        let mut body = Vec::with_capacity(size + 2);
        body.push(b'[');
        for (at, row) in texts.chunks(self.width).enumerate() {
            if at > 0 {
                body.push(b',');
            }
            for (name, text) in names.0.iter().zip(row) {
                body.extend_from_slice(name);
                body.extend_from_slice(text.as_bytes());
            }
            body.push(b'}');
        }
        body.push(b']');
        body
    }
}

/// The text before each value: `{"length":`, `,"height":`, ….
#[derive(Debug)]
pub(crate) struct ParameterNames(Vec<Vec<u8>>);

impl ParameterNames {
    pub(crate) fn new(features: &[Feature]) -> Self {
        let names = features.iter().enumerate().map(|(at, feature)| {
            let open = if at == 0 { "{" } else { "," };
            let name = serde_json::Value::from(feature.parameter.as_str());
            format!("{open}{name}:").into_bytes()
        });
        Self(names.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_the_json_text_of_values() {
        let features: Vec<Feature> = ["length=L", "a\"b=S"]
            .map(|f| f.parse().expect("a feature"))
            .into();
        let rows = Rows {
            rows: Vec::new(),
            texts: vec!["8.60e+1", "\"salmon\"", "2", "\"x\"", "3", "\"y\""],
            width: 2,
            decisions: Vec::new(),
        };
        let body = rows.body(0..2, &ParameterNames::new(&features));
        assert_eq!(
            String::from_utf8_lossy(&body),
            r#"[{"length":8.60e+1,"a\"b":"salmon"},{"length":2,"a\"b":"x"}]"#
        );
        assert_eq!(rows.texts(2), ["3", "\"y\""]);
    }
}
