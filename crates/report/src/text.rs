//! The report as text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use pipeline::definition::capitalized;
use pipeline::{Definition, ErrorKind};

use crate::phases::NAMED_GROUPS;
use crate::report::{DriftCause, FeatureShift, Phase, Report, Retraining, Verdict};

/// Up to this many triggers are written in full.
const FEW_TRIGGERS: usize = 10;
/// At most this many phases are written.
const MAX_PHASES: usize = 200;

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recovered => "recovered",
            Self::Steady => "steady",
            Self::Failed => "failed",
        })
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let definition = self.definition;
        let threshold = error_text(definition, Some(self.threshold));
        writeln!(f, "{}\n", self.counts())?;
        self.write_phases(f)?;
        self.write_retrainings(f)?;
        if self.retrainings.is_empty() {
            writeln!(
                f,
                "\nNo window triggered a retraining (threshold {threshold})"
            )?;
        }
        writeln!(f)?;
        if let Some(error) = self.mean_error_after_recovery {
            let error = error_text(definition, Some(error));
            writeln!(
                f,
                "Mean error after recovery: {error} (threshold {threshold})"
            )?;
        }
        write!(f, "Took {:.1} s", self.wall_seconds)?;
        if let Some(bytes) = self.peak_memory_bytes {
            let mib = bytes as f64 / f64::from(1 << 20);
            write!(f, ", peak memory {mib:.0} MiB")?;
        }
        if let Some(seconds) = self.first_prediction_seconds {
            write!(
                f,
                ", first prediction {seconds:.2} s after the partition assignment"
            )?;
        }
        write!(f, "\nVerdict: {}", self.verdict)?;
        for reason in &self.reasons {
            write!(f, "\n  - {}", printable(reason))?;
        }
        Ok(())
    }
}

impl Report {
    /// `Deliveries: 180 measured, 180 predicted, …`
    fn counts(&self) -> String {
        let counts = &self.records;
        let stored = counts.stored.map(|stored| stored.to_string());
        format!(
            "{}: {} measured, {} predicted, {} {}, {} joined, {} stored; {} duplicates, {} dead letters, {} unreadable",
            capitalized(&self.definition.records),
            counts.measured,
            counts.predicted,
            counts.weighed,
            self.definition.actual_step,
            counts.joined,
            stored.as_deref().unwrap_or("unknown number"),
            counts.duplicates,
            counts.dead_letters,
            counts.unreadable
        )
    }

    fn write_phases(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let definition = self.definition;
        let group = definition.group().map(|group| group.name.as_str());
        let (phases, others) = self.listed_phases();
        let mut width = group.map_or(0, |name| name.chars().count().max(9));
        if let Some(other) = others {
            let names = phases.iter().filter_map(|phase| phase.group.as_deref());
            let lengths = names.map(|name| printable(name).chars().count());
            let longest = lengths.chain([self::others(other.groups).len()]).max();
            width = width.max(longest.unwrap_or_default());
        }
        let records = &definition.records;
        // Without a group, the table has no such column.
        let group = group.map_or_else(String::new, |name| format!("{name:<width$}  "));
        writeln!(
            f,
            "  {group}{records:<12}  number  mean error  model versions"
        )?;
        for phase in phases.iter().take(MAX_PHASES) {
            self.write_phase(f, phase, width)?;
        }
        if let Some(other) = others {
            let name = self::others(other.groups);
            let error = error_text(definition, other.mean_error);
            let (blank, count) = ("", other.records);
            writeln!(f, "  {name:<width$}  {blank:<12}  {count:>6}  {error:>10}")?;
        }
        let more = phases.len().saturating_sub(MAX_PHASES);
        if more > 0 {
            writeln!(f, "  … {more} more …")?;
        }
        Ok(())
    }

    fn write_phase(&self, f: &mut Formatter<'_>, phase: &Phase, width: usize) -> fmt::Result {
        let group = phase.group.as_deref();
        let group = group.map_or_else(String::new, |group| {
            format!("{:<width$}  ", printable(group))
        });
        let (first, last) = (
            printable(&phase.first_record),
            printable(&phase.last_record),
        );
        let span = format!("{first} to {last}");
        let error = error_text(self.definition, phase.mean_error);
        let versions = listed(&phase.model_versions);
        writeln!(
            f,
            "  {group}{span:<12}  {:>6}  {error:>10}  {versions}",
            phase.records
        )
    }

    /// Of many triggers only the first three and the last, and how many had which outcome.
    fn write_retrainings(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let all = &self.retrainings;
        let (first, rest) = all.split_at(all.len().min(3));
        match rest {
            [between @ .., last] if all.len() > FEW_TRIGGERS => {
                for retraining in first {
                    self.write_retraining(f, retraining)?;
                }
                writeln!(f, "\n… {} more triggers …", between.len())?;
                self.write_retraining(f, last)?;
                writeln!(f, "\n  outcome of the triggers  number")?;
                let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
                for one in all {
                    *outcomes.entry(outcome(one)).or_default() += 1;
                }
                for (outcome, count) in outcomes {
                    writeln!(f, "  {:<23}  {count:>6}", printable(outcome))?;
                }
            }
            _ => {
                for retraining in all {
                    self.write_retraining(f, retraining)?;
                }
            }
        }
        Ok(())
    }

    /// An empty line, and the retraining.
    fn write_retraining(&self, f: &mut Formatter<'_>, one: &Retraining) -> fmt::Result {
        let definition = self.definition;
        let (record, records) = (&definition.record, &definition.records);
        let outcome = printable(outcome(one));
        writeln!(
            f,
            "\nTrigger {} to {}: model {} had a mean error of {} over {records} {} to {}{}",
            clock(&one.window_start.to_string()),
            clock(&one.window_end.to_string()),
            printable(&one.erring_version),
            error_text(definition, Some(one.error_avg)),
            printable(&one.first_key),
            printable(&one.last_key),
            in_brackets(definition, &one.groups)
        )?;
        for line in one.cause.lines(definition) {
            writeln!(f, "  {line}")?;
        }
        match (&one.version, one.rows) {
            (Some(version), Some(rows)) => {
                let key = |row: &Option<String>| {
                    let key = row.as_deref().map(printable);
                    key.map_or_else(|| "?".to_owned(), Cow::into_owned)
                };
                write!(
                    f,
                    "  retrained on {rows} rows, {records} {} to {}{}: model {}, {outcome}",
                    key(&one.first_row),
                    key(&one.last_row),
                    in_brackets(definition, &one.trained_groups),
                    printable(version)
                )?;
            }
            _ => write!(f, "  {}", explained(&outcome))?,
        }
        if let (Some(drifted), Some(recovered), Some(count), Some(seconds)) = (
            &one.first_record_drifted,
            &one.first_record_recovered,
            one.records_to_recovery,
            one.event_seconds_to_recovery,
        ) {
            write!(
                f,
                "\n  drift began at {record} {}, recovered at {record} {}: {}, {seconds:.0} s of event time",
                printable(drifted),
                printable(recovered),
                definition.counted(count)
            )?;
        }
        writeln!(f)
    }
}

fn outcome(retraining: &Retraining) -> &str {
    retraining.outcome.as_deref().unwrap_or("no decision yet")
}

/// An outcome without a training, and its reason.
fn explained(outcome: &str) -> String {
    let why = match outcome {
        "superseded" => "the erring version was no longer live",
        "unchanged" => "this trigger or the same training rows were already decided on",
        "pinned" => "the live version is pinned",
        _ => return outcome.to_owned(),
    };
    format!("{outcome}: {why}")
}

impl DriftCause {
    /// One line for each group, one for each level of the other categories, one for each numeric column, and
    /// one for what is unknown.
    pub fn lines(&self, definition: &Definition) -> Vec<String> {
        let mut lines = Vec::new();
        let share = |name: &str, records: u64, error: f64, training_rows: Option<u64>| {
            let error = error_text(definition, Some(error));
            let counted = definition.counted(self.records);
            let line = format!("{}, {records} of {counted}: error {error}", printable(name));
            match training_rows {
                Some(0) => line + ", not among the model's training rows",
                Some(rows) => format!("{line}, {rows} of the model's training rows"),
                None => line,
            }
        };
        let groups = self.groups.iter().take(NAMED_GROUPS);
        lines.extend(
            groups.map(|one| share(&one.group, one.records, one.mean_error, one.training_rows)),
        );
        lines.extend(more(self.groups.len()));
        for levels in self.levels.chunk_by(|one, next| one.column == next.column) {
            lines.extend(levels.iter().take(NAMED_GROUPS).map(|one| {
                let name = format!("{} {}", one.column, one.level);
                share(&name, one.records, one.mean_error, one.training_rows)
            }));
            lines.extend(more(levels.len()));
        }
        lines.extend(self.features.iter().map(FeatureShift::to_string));
        lines.extend(self.unknown(definition));
        lines
    }

    /// What is unknown of the window.
    fn unknown(&self, definition: &Definition) -> Option<String> {
        // Reports of old versions have no cause: a window without records.
        if self.records == 0 {
            return None;
        }
        let records = &definition.records;
        match definition.group() {
            Some(group) if self.groups.is_empty() => Some(format!(
                "error by {} unknown: some {records} of this window were not seen or no longer kept",
                group.name
            )),
            Some(_) if self.groups.iter().all(|one| one.training_rows.is_some()) => None,
            None if !self.features.is_empty() => None,
            Some(_) => Some(
                "shift from the training rows unknown: the model server did not return them"
                    .to_owned(),
            ),
            None => Some(format!(
                "shift from the training rows unknown: the model server did not return them, or some {records} of this window were not seen or no longer kept"
            )),
        }
    }
}

/// How many of `count` names are left out of a list.
fn more(count: usize) -> Option<String> {
    let more = count.saturating_sub(NAMED_GROUPS);
    (more > 0).then(|| others(more))
}

impl Display for FeatureShift {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // One decimal says nothing about a column with small values.
        let value = |number: f64| match self.training_mean.abs() {
            size if size < 1.0 => short(number),
            _ => format!("{number:.1}"),
        };
        write!(
            f,
            "mean {} {}, in the training rows {}",
            printable(&self.feature),
            value(self.mean),
            value(self.training_mean)
        )?;
        match self.shift_sd {
            Some(shift) => write!(f, ": {shift:+.1} standard deviations"),
            None => Ok(()),
        }
    }
}

/// The groups as [`listed`]: ` (north, south)`; empty if the pipeline has no group.
pub fn in_brackets(definition: &Definition, groups: &[String]) -> String {
    definition
        .group()
        .map_or_else(String::new, |_| format!(" ({})", listed(groups)))
}

/// Names, comma-separated; of many, the first ones and how many others there are.
pub fn listed(names: &[String]) -> String {
    let mut texts: Vec<_> = names.iter().map(|name| printable(name)).collect();
    let left_out = texts.len().saturating_sub(NAMED_GROUPS);
    texts.truncate(NAMED_GROUPS);
    let text = texts.join(", ");
    match left_out {
        0 => text,
        count => format!("{text} {}", others(count)),
    }
}

/// `and 490 others`
pub fn others(count: usize) -> String {
    let name = if count == 1 { "other" } else { "others" };
    format!("and {count} {name}")
}

/// The error of predictions: `38.9 %`, or `0.42 kg` if the pipeline compares absolute errors; a dash for
/// `None`.
pub fn error_text(definition: &Definition, error: Option<f64>) -> String {
    match (definition.error, error) {
        (_, None) => "-".to_owned(),
        (ErrorKind::Relative, Some(error)) => format!("{:.1} %", error * 100.0),
        (ErrorKind::Absolute, Some(error)) => {
            let unit = definition.target().unit.as_deref();
            let unit = unit.map_or_else(String::new, |unit| format!(" {unit}"));
            format!("{}{unit}", short(error))
        }
    }
}

/// A number with about three digits.
pub fn short(number: f64) -> String {
    let decimals = match number.abs() {
        0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 => 3,
        size if size >= 0.01 => 4,
        size if size >= 0.001 => 5,
        _ => return format!("{number:.2e}"),
    };
    format!("{number:.decimals$}")
}

/// A text that cannot change how a terminal or a page shows the text around it: control characters, line
/// breaks and changes of the writing direction are escaped.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return text.into();
    }
    let mut printable = String::new();
    for letter in text.chars() {
        if is_unprintable(letter) {
            printable.extend(letter.escape_default());
        } else {
            printable.push(letter);
        }
    }
    printable.into()
}

fn is_unprintable(letter: char) -> bool {
    let changes_direction = matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    letter.is_control() || changes_direction || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// The `13:39:27` of an event time's text form.
fn clock(time: &str) -> &str {
    time.get(11..19).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_forge_a_line_or_turn_the_direction() {
        assert_eq!(printable("Ørsted ἄλφα 鮭"), "Ørsted ἄλφα 鮭");
        let forged = printable("x\nVerdict: recovered\u{1b}[2J\u{202e}\0");
        assert_eq!(forged, "x\\nVerdict: recovered\\u{1b}[2J\\u{202e}\\u{0}");
    }

    #[test]
    fn long_lists_of_names_are_cut() {
        let names: Vec<_> = (0..500).map(|number| format!("n{number}")).collect();
        assert_eq!(listed(&names[..2]), "n0, n1");
        assert_eq!(
            listed(&names[..11]),
            "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 1 other"
        );
        assert!(listed(&names).ends_with("n9 and 490 others"));
    }

    #[test]
    fn a_short_number_has_about_three_digits() {
        let numbers = [0.0, 0.0421, 0.42, 4.2, 42.0, 4200.0, -4.2, 0.00001];
        let texts = [
            "0", "0.0421", "0.420", "4.20", "42.0", "4200", "-4.20", "1.00e-5",
        ];
        assert_eq!(numbers.map(short), texts);
    }
}
