//! The headline: a condition and a sentence that change only when something happens.

use pipeline::{Definition, EventTime};
use report::{
    GroupError, Progress, Report, Retraining, Rise, Standstill, Step, Unseen, error_text, listed,
    printable, short,
};

/// Maximum number of groups in a sentence.
const LISTED: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// No record yet.
    Waiting,
    /// Records arrive at a step and none passes it, so the known errors are outdated.
    Stalled,
    /// A window triggered, and the outcome cannot be read.
    Unknown,
    /// Errors are low, and there was no drift.
    Steady,
    /// The errors of the newest records are high, but no window has triggered yet.
    Rising,
    /// The newest records have levels on which the model was not trained; their errors may not be known yet.
    Unseen,
    /// A window triggered, and its drift has not ended.
    Drifting,
    /// The last drift has ended.
    Recovered,
}

impl Condition {
    /// The word on the page, and the name in its markup.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Waiting => ("Waiting", "waiting"),
            Self::Stalled => ("Stalled", "stalled"),
            Self::Unknown => ("Unknown", "unknown"),
            Self::Steady => ("Steady", "steady"),
            Self::Rising => ("Error rising", "rising"),
            Self::Unseen => ("Unseen level", "unseen"),
            Self::Drifting => ("Drifting", "drifting"),
            Self::Recovered => ("Recovered", "recovered"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) condition: Condition,
    /// Since when, and why.
    pub(crate) sentence: String,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs<'a> {
    pub(super) report: &'a Report,
    pub(super) progress: &'a Progress,
    /// The first stalled step.
    pub(super) standstill: Option<&'a Standstill>,
    /// Topics of the pipeline that no query writes.
    pub(super) unwritten: &'a [&'static str],
    /// Why the model's current history is unknown.
    pub(super) history_failure: Option<&'a str>,
}

impl Status {
    pub(super) fn of(inputs: Inputs<'_>) -> Self {
        let report = inputs.report;
        let (condition, sentence) = if inputs.standstill.is_some() || !inputs.unwritten.is_empty() {
            (Condition::Stalled, stalled(inputs))
        } else if report.open_drift.is_some() {
            match inputs.history_failure {
                Some(failure) => (Condition::Unknown, unknown(report, failure)),
                None => (Condition::Drifting, drifting(report)),
            }
        } else if let Some(rise) = report.rising() {
            (Condition::Rising, rising(report, &rise))
        } else if let Some(unseen) = report.unseen() {
            (Condition::Unseen, predicting_unseen(report, &unseen))
        } else if let Some(recovered) = recovered(report) {
            (Condition::Recovered, recovered)
        } else if inputs.progress.steps.measured == 0 {
            let record = &report.definition.record;
            let sentence = format!("No {record} has been measured yet.");
            (Condition::Waiting, sentence)
        } else {
            (Condition::Steady, steady(report))
        };
        Self {
            condition,
            sentence,
        }
    }
}

/// A time as `2021-06-09 13:39:27`.
pub(crate) fn date_and_clock(time: EventTime) -> String {
    let text = time.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

fn stalled(inputs: Inputs<'_>) -> String {
    let definition = inputs.report.definition;
    let (record, records) = (&definition.record, &definition.records);
    let actual_step = &definition.actual_step;
    let standstill = inputs.standstill.map(|one| {
        let reached = match one.step {
            Step::Predicted | Step::Weighed => "measured".to_owned(),
            Step::Joined => format!("predicted and {actual_step}"),
            Step::Stored => "joined".to_owned(),
        };
        let next = one.step.name(definition);
        let dead_letters = if one.dead_letters > 0 {
            "; some are dead letters"
        } else {
            ""
        };
        let since = date_and_clock(one.since);
        format!(
            "Since {record} {}, {since} UTC, {records} are {reached} but not {next}{dead_letters}.",
            printable(&one.first_record)
        )
    });
    let unwritten = (!inputs.unwritten.is_empty()).then(|| {
        let topics = inputs.unwritten.join(" and ");
        let effect = if inputs.unwritten.contains(&definition.topics.rows.as_str()) {
            format!("{actual_step} {records} are not joined, and their errors are unknown")
        } else {
            "no window triggers a retraining".to_owned()
        };
        format!("No running SQL query writes {topics}: {effect}.")
    });
    let sentences: Vec<String> = standstill.into_iter().chain(unwritten).collect();
    sentences.join(" ")
}

fn threshold(report: &Report) -> String {
    error_text(report.definition, Some(report.threshold))
}

fn steady(report: &Report) -> String {
    let threshold = threshold(report);
    match report.retrainings.last() {
        None => format!("No window's mean error has passed {threshold}."),
        // The records of its drift are no longer in the ledger.
        Some(one) => format!(
            "The last window whose mean error passed {threshold} ended at {} UTC.",
            date_and_clock(one.window_end)
        ),
    }
}

fn rising(report: &Report, rise: &Rise) -> String {
    let definition = report.definition;
    let groups = match rise.groups.as_slice() {
        [] => String::new(),
        groups => format!(": {}", worst(definition, groups, Rise::RUN as u64)),
    };
    format!(
        "Since {} {}, {} UTC{groups}. The mean error of ten {} passed {}; no window has triggered yet.",
        definition.record,
        printable(&rise.first_record),
        date_and_clock(rise.since),
        definition.records,
        threshold(report),
    )
}

/// `Predicting for an unseen district since delivery 61, 2021-06-09 13:39:27 UTC: north, 1 of the last 10 deliveries.`
fn predicting_unseen(report: &Report, unseen: &Unseen) -> String {
    let definition = report.definition;
    let mut categories = definition.categories();
    let only = categories.next().filter(|_| categories.next().is_none());
    // The groups are the unseen levels only if the group is the only category.
    let is_group =
        only.is_some() && only.map(|one| &one.name) == definition.group().map(|one| &one.name);
    let groups = match unseen.groups.as_slice() {
        groups if is_group && !groups.is_empty() => format!("{}, ", listed(groups)),
        _ => String::new(),
    };
    format!(
        "Predicting for an unseen {} since {} {}, {} UTC: {groups}{} of the last {}.",
        only.map_or("level", |one| &one.name),
        definition.record,
        printable(&unseen.first_record),
        date_and_clock(unseen.since),
        unseen.records,
        definition.counted(unseen.of),
    )
}

fn drifting(report: &Report) -> String {
    let Some(one) = cause(report) else {
        return String::new();
    };
    let outcome = match one.outcome.as_deref() {
        None => "The retraining is not decided yet.".to_owned(),
        Some("activated") => {
            let version = one.version.as_deref().unwrap_or("?");
            format!("Retrained: model {} went live.", printable(version))
        }
        Some(other) => format!("Outcome of the retraining: {}.", printable(other)),
    };
    format!("{} {outcome}", triggered(report, one))
}

fn unknown(report: &Report, failure: &str) -> String {
    let triggered = cause(report).map_or_else(String::new, |one| triggered(report, one) + " ");
    format!(
        "{triggered}The outcome is unknown: the history cannot be read from the model server ({failure})."
    )
}

/// Since when, which records, and by how much a window triggered.
fn triggered(report: &Report, one: &Retraining) -> String {
    let definition = report.definition;
    let first = report.open_drift.as_ref();
    let first = first.and_then(|id| report.record_rows.iter().find(|row| row.id == *id));
    let since = first.map_or_else(String::new, |row| {
        let measured = date_and_clock(row.measured);
        let id = printable(&row.id);
        format!("Since {} {id}, {measured} UTC: ", definition.record)
    });
    format!(
        "{since}{}. The mean error of model {} over {} {} to {} was {}, above {}.",
        main_cause(report, one),
        printable(&one.erring_version),
        definition.records,
        printable(&one.first_key),
        printable(&one.last_key),
        error_text(definition, Some(one.error_avg)),
        threshold(report),
    )
}

fn recovered(report: &Report) -> Option<String> {
    let definition = report.definition;
    let (record, records) = (&definition.record, &definition.records);
    let newest = report.retrainings.iter().rev();
    let mut ended = newest.filter_map(|one| {
        let first = one.first_record_recovered.as_ref()?;
        Some((one, first, one.records_to_recovery?))
    });
    let (one, first, after) = ended.next()?;
    let row = report.record_rows.iter().find(|row| row.id == *first);
    let since = row.map_or_else(String::new, |row| {
        format!(", {} UTC,", date_and_clock(row.measured))
    });
    Some(format!(
        "Since {record} {}{since} {records} are predicted well again: model {} went live, {} after the drift began. Cause: {}.",
        printable(first),
        printable(one.version.as_deref().unwrap_or("?")),
        definition.counted(after),
        main_cause(report, one),
    ))
}

/// The groups of a window whose mean error is above the threshold; without a group, the column that differs
/// most from the training rows.
fn main_cause(report: &Report, one: &Retraining) -> String {
    let definition = report.definition;
    if definition.group().is_none() {
        return column_cause(definition, one);
    }
    let bad = one.cause.groups.iter();
    let bad = bad.filter(|one| one.mean_error > report.threshold);
    let bad: Vec<_> = bad.cloned().collect();
    if bad.is_empty() {
        // The window's records are no longer in the ledger.
        return format!("the window contained {}", listed(&one.groups));
    }
    worst(definition, &bad, one.cause.records)
}

fn column_cause(definition: &Definition, one: &Retraining) -> String {
    let mut levels = one.cause.levels.iter();
    if let Some(unseen) = levels.find(|level| level.training_rows == Some(0)) {
        return format!(
            "{} {}, which the model never saw, {} of {}",
            unseen.column,
            printable(&unseen.level),
            unseen.records,
            definition.counted(one.cause.records)
        );
    }
    let shifts = one.cause.features.iter();
    let shifts = shifts.filter_map(|shift| Some((shift, shift.shift_sd?)));
    let largest = shifts.max_by(|(_, one), (_, other)| one.abs().total_cmp(&other.abs()));
    match largest {
        Some((shift, by)) => {
            let mut columns = definition.numbers();
            let column = columns.find(|column| column.name == shift.feature);
            let unit = column.and_then(|column| column.unit.as_deref());
            let unit = unit.map_or_else(String::new, |unit| format!(" {unit}"));
            format!(
                "mean {} {}{unit}, {by:+.1} standard deviations from the training rows",
                shift.feature,
                short(shift.mean)
            )
        }
        None => "the cause is not known".to_owned(),
    }
}

/// `north, which the model never saw, 15 of 30 deliveries, off by 85.1 %`.
fn worst(definition: &Definition, groups: &[GroupError], of: u64) -> String {
    let listed = groups.iter().take(LISTED).map(|one| {
        let unseen = if one.training_rows == Some(0) {
            ", which the model never saw"
        } else {
            ""
        };
        let error = error_text(definition, Some(one.mean_error));
        let (group, records) = (printable(&one.group), one.records);
        let of = definition.counted(of);
        format!("{group}{unseen}, {records} of {of}, off by {error}")
    });
    listed.collect::<Vec<_>>().join("; ")
}

/// The newest retraining that was not superseded, otherwise the newest.
fn cause(report: &Report) -> Option<&Retraining> {
    let mut newest = report.retrainings.iter().rev();
    let superseded = |one: &&Retraining| one.outcome.as_deref() == Some("superseded");
    let found = newest.clone().find(|one| !superseded(one));
    found.or_else(|| newest.next())
}

#[cfg(test)]
mod tests;
