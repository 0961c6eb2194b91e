//! From records to the rows of a request: which records can be asked about, and with what.

use std::ops::Range;

use kafka_io::{Decision, Reason, Record};

use crate::features::Feature;
use crate::input::Schema;

/// One record that can be asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    /// Its place among the records.
    pub(crate) record: usize,
    /// Its value, as it was read.
    pub(crate) value: &'a [u8],
    /// Where the answer goes.
    pub(crate) end: usize,
}

/// The rows of some records, and what is decided without asking the model.
pub(crate) struct Rows<'a> {
    pub(crate) rows: Vec<Row<'a>>,
    /// The JSON texts of the features, row after row.
    texts: Vec<&'a str>,
    width: usize,
    /// One decision for each record; a placeholder where the model is to be asked.
    pub(crate) decisions: Vec<Decision>,
}

impl<'a> Rows<'a> {
    /// Reads all records: a null value is skipped, one that cannot be read is dead-lettered.
    pub(crate) fn read(schema: &Schema, width: usize, records: &[Record<'a>]) -> Self {
        let mut rows = Vec::with_capacity(records.len());
        let mut texts = Vec::with_capacity(records.len() * width);
        let mut decisions = Vec::with_capacity(records.len());
        for (at, record) in records.iter().enumerate() {
            let bad = match record.value {
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
            decisions.push(bad.map_or(Decision::Skip, Decision::DeadLetter));
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

    /// The body of `POST /predictions` for some rows. Texts are copied as they are: a number keeps
    /// its digits.
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

/// The parameters' names as they stand before their values: `{"length":`, `,"height":`, ….
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
    fn a_requests_rows_are_json_with_the_numbers_as_they_were_written() {
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
