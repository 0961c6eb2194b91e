//! What texts of the figures say about the records, the group and the errors of a pipeline.

use pipeline::definition::capitalized;
use pipeline::{Definition, ErrorKind};

use super::scale::{percent, plain, whole};

/// The words of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Words(pub(crate) &'static Definition);

impl Words {
    /// A record: `delivery`.
    pub(crate) fn record(self) -> &'static str {
        &self.0.record
    }

    /// Several records: `deliveries`.
    pub(crate) fn records(self) -> &'static str {
        &self.0.records
    }

    /// Several records, at the start of a sentence: `Deliveries`.
    pub(crate) fn records_first(self) -> String {
        capitalized(&self.0.records)
    }

    /// `1 delivery` or `10,000 deliveries`.
    pub(crate) fn counted(self, count: u64) -> String {
        let name = if count == 1 {
            self.record()
        } else {
            self.records()
        };
        format!("{} {name}", whole(count))
    }

    /// The name of the group's column.
    pub(crate) fn group(self) -> Option<&'static str> {
        self.0.group().map(|group| group.name.as_str())
    }

    /// The name of the group's column, for more than one level.
    pub(crate) fn groups(self) -> String {
        let name = self.group().unwrap_or("group");
        if name.ends_with('s') {
            name.to_owned()
        } else {
            format!("{name}s")
        }
    }

    /// The name of the column that is predicted.
    pub(crate) fn target(self) -> &'static str {
        &self.0.target().name
    }

    /// The unit of the target after a separator; empty if it has none.
    pub(crate) fn unit(self, separator: &str) -> String {
        let unit = self.0.target().unit.as_deref();
        unit.map_or_else(String::new, |unit| format!("{separator}{unit}"))
    }

    /// What happened to a record whose actual value is known.
    pub(crate) fn actual_step(self) -> &'static str {
        &self.0.actual_step
    }

    /// `not weighed yet`
    pub(crate) fn not_yet(self) -> String {
        format!("not {} yet", self.actual_step())
    }

    /// `No delivery was measured.`
    pub(crate) fn none_measured(self) -> String {
        format!("No {} was measured.", self.record())
    }

    /// An error as text: `15 %`, or `0.4 kg` if the pipeline compares absolute errors.
    pub(crate) fn error(self, error: f64, decimals: usize) -> String {
        match self.0.error {
            ErrorKind::Relative => percent(error, decimals),
            ErrorKind::Absolute if error >= 1e6 => format!("{error:.1e}{}", self.unit(" ")),
            ErrorKind::Absolute => format!("{}{}", plain(error, decimals + 2), self.unit(" ")),
        }
    }

    /// The title of the axis of errors.
    pub(crate) fn error_axis(self) -> String {
        match self.0.error {
            ErrorKind::Relative => "relative error, |predicted − actual| / actual".to_owned(),
            ErrorKind::Absolute => format!("error, |predicted − actual|{}", self.unit(", ")),
        }
    }

    /// The attribute of a mark that names its record: `data-delivery`.
    pub(crate) fn attribute(self) -> String {
        let name = self.record().chars();
        let legal = |letter: char| match letter {
            'a'..='z' | '0'..='9' => letter,
            _ => '-',
        };
        let name: String = name.map(|one| legal(one.to_ascii_lowercase())).collect();
        format!("data-{name}")
    }
}
