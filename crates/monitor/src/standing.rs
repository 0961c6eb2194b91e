//! Where the pipeline stands, in a sentence that changes only when something happens.

use report::{Progress, Report, Retraining, percent};

use crate::sections::words::date_and_clock;

/// Where the pipeline stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// No fish yet.
    Waiting,
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
    /// In a sentence.
    pub(crate) sentence: String,
}

impl Standing {
    /// What a report of a running pipeline and its newest errors say.
    pub(crate) fn of(report: &Report, progress: &Progress) -> Self {
        let condition = condition(report, progress);
        Self {
            condition,
            sentence: sentence(condition, report),
        }
    }
}

fn condition(report: &Report, progress: &Progress) -> Condition {
    let rising = progress
        .mean_error
        .is_some_and(|error| error > report.threshold);
    let recovered = report
        .retrainings
        .iter()
        .any(|one| one.first_fish_recovered.is_some());
    match () {
        () if report.open_drift.is_some() => Condition::Drifting,
        () if rising => Condition::Rising,
        () if recovered => Condition::Recovered,
        () if progress.measured == 0 => Condition::Waiting,
        () => Condition::Steady,
    }
}

fn sentence(condition: Condition, report: &Report) -> String {
    let threshold = percent(Some(report.threshold));
    match condition {
        Condition::Waiting => "No fish has been measured yet.".to_owned(),
        Condition::Steady => report.retrainings.last().map_or_else(
            || format!("No window's mean error has passed {threshold}."),
            // Its fish are forgotten, and with them the drift.
            |one| {
                let ended = date_and_clock(one.window_end);
                format!("The last window whose mean error passed {threshold} ended at {ended} UTC.")
            },
        ),
        Condition::Rising => {
            format!("The last ten fish were off by more than {threshold} on average.")
        }
        Condition::Drifting => cause(report).map_or_else(String::new, |one| {
            let outcome = match one.outcome.as_deref() {
                None => "the retraining is not decided yet".to_owned(),
                Some("activated") => format!(
                    "retrained: model {} went live",
                    one.version.as_deref().unwrap_or("?")
                ),
                Some(other) => format!("the retraining ended as {other}"),
            };
            format!(
                "Model {} erred by {} on average over fish {} to {} ({}), above {threshold}; {outcome}.",
                one.erring_version,
                percent(Some(one.error_avg)),
                one.fish_id_start,
                one.fish_id_end,
                one.species.join(", ")
            )
        }),
        Condition::Recovered => {
            let ended = report.retrainings.iter().rev();
            let ended = ended.filter_map(|one| {
                Some((one, one.first_fish_recovered.as_ref()?, one.fish_to_recovery?))
            });
            ended.take(1).next().map_or_else(String::new, |(one, fish, after)| {
                format!(
                    "Fish are predicted well again since fish {fish}: model {} went live, {after} fish after the drift ({}) began.",
                    one.version.as_deref().unwrap_or("?"),
                    one.species.join(", "),
                )
            })
        }
    }
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
    use std::collections::HashSet;
    use std::time::Duration;

    use messages::topics;
    use report::ledger::SeenRecord;
    use report::{Ledger, ModelHistory, Sources};

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
        let report = report::build(&Sources {
            ledger,
            history: &ModelHistory::default(),
            stored: &HashSet::new(),
            planned: None,
            threshold: 0.15,
            window: Duration::from_secs(60),
            wall: Duration::ZERO,
            peak_memory_bytes: None,
            faults: Vec::new(),
        });
        Standing::of(&report, &Progress::of(ledger))
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
