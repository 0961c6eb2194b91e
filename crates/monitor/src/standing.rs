//! Where the pipeline stands, in sentences that change only when something happens.

use pipeline::topics;
use report::{Progress, Report, Retraining, Rise, SpeciesError, Standstill, Step, percent};

use crate::sections::words::date_and_clock;

/// How many species are named.
const NAMED: usize = 3;

/// Where the pipeline stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// No fish yet.
    Waiting,
    /// Fish come to a step, and none passes it: what was known of their errors is of the past.
    Stalled,
    /// A window triggered, and what came of it cannot be learned.
    Unknown,
    /// The errors are low, and no drift was seen.
    Steady,
    /// The newest fish are predicted badly; no window has triggered yet.
    Rising,
    /// A window triggered, and its drift has not ended.
    Drifting,
    /// The last drift has ended.
    Recovered,
}

impl Condition {
    /// In one word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Stalled => "Stalled",
            Self::Unknown => "Not known",
            Self::Steady => "Steady",
            Self::Rising => "Error rising",
            Self::Drifting => "Drifting",
            Self::Recovered => "Recovered",
        }
    }

    /// As a name in the page's markup.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Stalled => "stalled",
            Self::Unknown => "unknown",
            Self::Steady => "steady",
            Self::Rising => "rising",
            Self::Drifting => "drifting",
            Self::Recovered => "recovered",
        }
    }
}

/// Where the pipeline stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// In one word.
    pub(crate) condition: Condition,
    /// Since when and why.
    pub(crate) sentence: String,
}

/// What a pipeline's standing is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// The report of the fish that are remembered.
    pub(crate) report: &'a Report,
    /// How far it is.
    pub(crate) progress: &'a Progress,
    /// The first step that stands still for too long.
    pub(crate) standstill: Option<&'a Standstill>,
    /// The topics of the pipeline that no query of the SQL writes, where the engine tells its queries.
    pub(crate) unwritten: &'a [&'static str],
    /// Why the model's history is not known as it is now.
    pub(crate) history_failure: Option<&'a str>,
}

impl Standing {
    /// What was seen says.
    pub(crate) fn of(seen: Seen<'_>) -> Self {
        let rise = seen.report.rising();
        let (condition, sentence) = match () {
            () if seen.standstill.is_some() || !seen.unwritten.is_empty() => {
                (Condition::Stalled, stalled(seen))
            }
            () if seen.report.open_drift.is_some() => match seen.history_failure {
                Some(failure) => (Condition::Unknown, unknown(seen.report, failure)),
                None => (Condition::Drifting, drifting(seen.report)),
            },
            () => match (rise, recovered(seen.report)) {
                (Some(rise), _) => (Condition::Rising, rising(seen.report, &rise)),
                (None, Some(recovered)) => (Condition::Recovered, recovered),
                (None, None) if seen.progress.measured == 0 => (
                    Condition::Waiting,
                    "No fish has been measured yet.".to_owned(),
                ),
                (None, None) => (Condition::Steady, steady(seen.report)),
            },
        };
        Self {
            condition,
            sentence,
        }
    }
}

fn stalled(seen: Seen<'_>) -> String {
    let unwritten = (!seen.unwritten.is_empty()).then(|| {
        let topics = seen.unwritten.join(" and ");
        let meant = if seen.unwritten.contains(&topics::WEIGHT_DIFF) {
            "fish that are weighed are not joined, and nothing is learned of their errors"
        } else {
            "no window triggers a retraining"
        };
        format!("No query of the SQL writes {topics}: {meant}.")
    });
    let standstill = seen.standstill.map(|one| {
        let (come, go) = match one.step {
            Step::Predicted => ("measured", "predicted"),
            Step::Weighed => ("measured", "weighed"),
            Step::Joined => ("predicted and weighed", "joined"),
            Step::Stored => ("joined", "stored"),
        };
        format!(
            "Since fish {}, {} UTC, fish are {come} and not {go}{}.",
            one.first_fish,
            date_and_clock(one.since),
            if one.dead_letters > 0 {
                "; some are among the dead letters"
            } else {
                ""
            },
        )
    });
    [standstill, unwritten]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

fn steady(report: &Report) -> String {
    let threshold = percent(Some(report.threshold));
    report.retrainings.last().map_or_else(
        || format!("No window's mean error has passed {threshold}."),
        // Its fish are forgotten, and with them the drift.
        |one| {
            let ended = date_and_clock(one.window_end);
            format!("The last window whose mean error passed {threshold} ended at {ended} UTC.")
        },
    )
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
        Some("activated") => format!(
            "Retrained: model {} went live.",
            one.version.as_deref().unwrap_or("?")
        ),
        Some(other) => format!("The retraining ended as {other}."),
    };
    format!("{} {outcome}", triggered(report, one))
}

fn unknown(report: &Report, failure: &str) -> String {
    let triggered = cause(report).map_or_else(String::new, |one| triggered(report, one) + " ");
    format!(
        "{triggered}What came of it is not known: the model server does not tell its history ({failure})."
    )
}

/// Since when, which fish, and by how much a window triggered.
fn triggered(report: &Report, one: &Retraining) -> String {
    let first = report.open_drift.as_ref();
    let first = first.and_then(|id| report.fish_rows.iter().find(|row| row.id == *id));
    let since = first.map_or_else(String::new, |row| {
        format!(
            "Since fish {}, {} UTC: ",
            row.id,
            date_and_clock(row.measured)
        )
    });
    format!(
        "{since}{}. Model {} erred by {} on average over fish {} to {}, above {}.",
        blamed(report, one),
        one.erring_version,
        percent(Some(one.error_avg)),
        one.fish_id_start,
        one.fish_id_end,
        percent(Some(report.threshold)),
    )
}

fn recovered(report: &Report) -> Option<String> {
    let ended = report.retrainings.iter().rev();
    let (one, fish, after) = ended
        .filter_map(|one| {
            Some((
                one,
                one.first_fish_recovered.as_ref()?,
                one.fish_to_recovery?,
            ))
        })
        .next()?;
    let row = report.fish_rows.iter().find(|row| row.id == *fish);
    let since = row.map_or_else(String::new, |row| {
        format!(", {} UTC,", date_and_clock(row.measured))
    });
    Some(format!(
        "Since fish {fish}{since} fish are predicted well again: model {} went live, {after} fish after the drift began. Cause: {}.",
        one.version.as_deref().unwrap_or("?"),
        blamed(report, one),
    ))
}

/// The species of a window that erred.
fn blamed(report: &Report, one: &Retraining) -> String {
    let erred: Vec<_> = one
        .cause
        .species
        .iter()
        .filter(|one| one.mean_error > report.threshold)
        .cloned()
        .collect();
    if erred.is_empty() {
        // Its fish are not remembered, or no species erred more than the others.
        return format!("the window held {}", one.species.join(", "));
    }
    species(&erred, one.cause.fish)
}

/// `walleye, which the model never saw, 15 of 30 fish, off by 85.1 %`.
fn species(erred: &[SpeciesError], of: u64) -> String {
    let named = erred.iter().take(NAMED).map(|one| {
        let unseen = if one.training_rows == Some(0) {
            ", which the model never saw"
        } else {
            ""
        };
        let error = percent(Some(one.mean_error));
        format!(
            "{}{unseen}, {} of {of} fish, off by {error}",
            one.species, one.fish
        )
    });
    named.collect::<Vec<_>>().join("; ")
}

/// The newest retraining that was not superseded, else the newest.
fn cause(report: &Report) -> Option<&Retraining> {
    let newest = report.retrainings.iter().rev();
    let superseded = |one: &&Retraining| one.outcome.as_deref() == Some("superseded");
    newest
        .clone()
        .find(|one| !superseded(one))
        .or_else(|| newest.clone().next())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pipeline::topics;
    use report::ledger::SeenRecord;
    use report::{Ledger, Sources};

    use super::*;

    /// A pipeline of which a trigger for the minute from 13:39 is known, and none of its fish.
    fn triggered() -> Ledger {
        let mut ledger = Ledger::default();
        let start = 1_623_245_940_000_i64;
        let value = r#"{"ModelVersion":"v1","Species":["walleye"],"Fish_Id_Start":"1","Fish_Id_End":"9","ErrorAvg":0.8,"Fish":9}"#;
        let noted = ledger.note(SeenRecord {
            topic: topics::WEIGHT_RETRAIN,
            key: Some(&[b"v1".as_slice(), &start.to_be_bytes()].concat()),
            value: Some(value.as_bytes()),
        });
        noted.expect("a trigger");
        let value = r#"{"Fish_Id":"900","Species":"salmon","Length":80.0,"Height":19.0,"Timestamp":"2021-06-09T14:39:27.000Z"}"#;
        let noted = ledger.note(SeenRecord {
            topic: topics::MACHINE_MEASUREMENT,
            key: Some(b"900"),
            value: Some(value.as_bytes()),
        });
        noted.expect("a measurement");
        ledger
    }

    fn standing(ledger: &Ledger) -> Standing {
        let report = report::build(&Sources::of(ledger, 0.15, Duration::from_secs(60)));
        Standing::of(Seen {
            report: &report,
            progress: &Progress::of(ledger),
            standstill: None,
            unwritten: &[],
            history_failure: None,
        })
    }

    #[test]
    fn a_window_that_triggered_is_told_also_when_its_fish_are_forgotten() {
        let standing = standing(&triggered());
        assert_eq!(standing.condition, Condition::Steady);
        assert_eq!(
            standing.sentence,
            "The last window whose mean error passed 15.0 % ended at 2021-06-09 13:40:00 UTC."
        );
    }
}
