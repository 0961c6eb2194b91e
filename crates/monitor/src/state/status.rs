//! The headline: a condition and a sentence that change only when something happens.

use pipeline::{EventTime, topics};
use report::{Progress, Report, Retraining, Rise, SpeciesError, Standstill, Step, percent};

/// Maximum number of species in a sentence.
const LISTED: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// No fish yet.
    Waiting,
    /// Fish arrive at a step and none passes it, so the known errors are outdated.
    Stalled,
    /// A window triggered, and the outcome cannot be read.
    Unknown,
    /// Errors are low, and there was no drift.
    Steady,
    /// The errors of the newest fish are high, but no window has triggered yet.
    Rising,
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
        } else if let Some(recovered) = recovered(report) {
            (Condition::Recovered, recovered)
        } else if inputs.progress.steps.measured == 0 {
            let sentence = "No fish has been measured yet.".to_owned();
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
    let standstill = inputs.standstill.map(|one| {
        let (reached, next) = match one.step {
            Step::Predicted => ("measured", "predicted"),
            Step::Weighed => ("measured", "weighed"),
            Step::Joined => ("predicted and weighed", "joined"),
            Step::Stored => ("joined", "stored"),
        };
        let dead_letters = if one.dead_letters > 0 {
            "; some are dead letters"
        } else {
            ""
        };
        let since = date_and_clock(one.since);
        format!(
            "Since fish {}, {since} UTC, fish are {reached} but not {next}{dead_letters}.",
            one.first_fish
        )
    });
    let unwritten = (!inputs.unwritten.is_empty()).then(|| {
        let topics = inputs.unwritten.join(" and ");
        let effect = if inputs.unwritten.contains(&topics::WEIGHT_DIFF) {
            "weighed fish are not joined, and their errors are unknown"
        } else {
            "no window triggers a retraining"
        };
        format!("No running SQL query writes {topics}: {effect}.")
    });
    let sentences: Vec<String> = standstill.into_iter().chain(unwritten).collect();
    sentences.join(" ")
}

fn steady(report: &Report) -> String {
    let threshold = percent(Some(report.threshold));
    match report.retrainings.last() {
        None => format!("No window's mean error has passed {threshold}."),
        // The fish of its drift are no longer in the ledger.
        Some(one) => format!(
            "The last window whose mean error passed {threshold} ended at {} UTC.",
            date_and_clock(one.window_end)
        ),
    }
}

fn rising(report: &Report, rise: &Rise) -> String {
    format!(
        "Since fish {}, {} UTC: {}. The mean error of ten fish passed {}; no window has triggered yet.",
        rise.first_fish,
        date_and_clock(rise.since),
        species(&rise.species, Rise::RUN as u64),
        percent(Some(report.threshold)),
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
            format!("Retrained: model {version} went live.")
        }
        Some(other) => format!("Outcome of the retraining: {other}."),
    };
    format!("{} {outcome}", triggered(report, one))
}

fn unknown(report: &Report, failure: &str) -> String {
    let triggered = cause(report).map_or_else(String::new, |one| triggered(report, one) + " ");
    format!(
        "{triggered}The outcome is unknown: the history cannot be read from the model server ({failure})."
    )
}

/// Since when, which fish, and by how much a window triggered.
fn triggered(report: &Report, one: &Retraining) -> String {
    let first = report.open_drift.as_ref();
    let first = first.and_then(|id| report.fish_rows.iter().find(|row| row.id == *id));
    let since = first.map_or_else(String::new, |row| {
        let measured = date_and_clock(row.measured);
        format!("Since fish {}, {measured} UTC: ", row.id)
    });
    format!(
        "{since}{}. The mean error of model {} over fish {} to {} was {}, above {}.",
        worst_species(report, one),
        one.erring_version,
        one.fish_id_start,
        one.fish_id_end,
        percent(Some(one.error_avg)),
        percent(Some(report.threshold)),
    )
}

fn recovered(report: &Report) -> Option<String> {
    let newest = report.retrainings.iter().rev();
    let mut ended = newest.filter_map(|one| {
        let fish = one.first_fish_recovered.as_ref()?;
        Some((one, fish, one.fish_to_recovery?))
    });
    let (one, fish, after) = ended.next()?;
    let row = report.fish_rows.iter().find(|row| row.id == *fish);
    let since = row.map_or_else(String::new, |row| {
        format!(", {} UTC,", date_and_clock(row.measured))
    });
    Some(format!(
        "Since fish {fish}{since} fish are predicted well again: model {} went live, {after} fish after the drift began. Cause: {}.",
        one.version.as_deref().unwrap_or("?"),
        worst_species(report, one),
    ))
}

/// The species of a window whose mean error is above the threshold.
fn worst_species(report: &Report, one: &Retraining) -> String {
    let worst = one.cause.species.iter();
    let worst = worst.filter(|one| one.mean_error > report.threshold);
    let worst: Vec<_> = worst.cloned().collect();
    if worst.is_empty() {
        // The window's fish are no longer in the ledger.
        return format!("the window contained {}", one.species.join(", "));
    }
    species(&worst, one.cause.fish)
}

/// `walleye, which the model never saw, 15 of 30 fish, off by 85.1 %`.
fn species(worst: &[SpeciesError], of: u64) -> String {
    let listed = worst.iter().take(LISTED).map(|one| {
        let unseen = if one.training_rows == Some(0) {
            ", which the model never saw"
        } else {
            ""
        };
        let error = percent(Some(one.mean_error));
        let (species, fish) = (&one.species, one.fish);
        format!("{species}{unseen}, {fish} of {of} fish, off by {error}")
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
mod tests {
    use std::time::Duration;

    use report::ledger::SeenRecord;
    use report::{Ledger, Sources};

    use super::*;

    /// A trigger for the minute from 13:39 without its fish, and a fish of an hour later.
    fn triggered() -> Ledger {
        let start = 1_623_245_940_000_i64;
        let key = [b"v1".as_slice(), &start.to_be_bytes()].concat();
        let trigger = r#"{"ModelVersion":"v1","Species":["walleye"],"Fish_Id_Start":"1","Fish_Id_End":"9","ErrorAvg":0.8,"Fish":9}"#;
        let fish = r#"{"Fish_Id":"900","Species":"salmon","Length":80.0,"Height":19.0,"Timestamp":"2021-06-09T14:39:27.000Z"}"#;
        let mut ledger = Ledger::default();
        for (topic, key, value) in [
            (topics::WEIGHT_RETRAIN, key.as_slice(), trigger),
            (topics::MACHINE_MEASUREMENT, b"900", fish),
        ] {
            let (key, value) = (Some(key), Some(value.as_bytes()));
            ledger
                .note(SeenRecord { topic, key, value })
                .expect("valid");
        }
        ledger
    }

    #[test]
    fn a_trigger_is_reported_after_its_fish_are_forgotten() {
        let ledger = triggered();
        let report = report::build(&Sources::of(&ledger, 0.15, Duration::from_secs(60)));
        let status = Status::of(Inputs {
            report: &report,
            progress: &Progress::of(&ledger),
            standstill: None,
            unwritten: &[],
            history_failure: None,
        });
        assert_eq!(status.condition, Condition::Steady);
        let expected =
            "The last window whose mean error passed 15.0 % ended at 2021-06-09 13:40:00 UTC.";
        assert_eq!(status.sentence, expected);
    }
}
