//! Steps that no fish passes any more, although fish come to them.

use std::time::Duration;

use pipeline::{EventTime, topics};

use crate::ledger::{Fish, Ledger};

/// A step at which every fish waits that came after the last one to pass it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standstill {
    /// The step.
    pub step: Step,
    /// How many fish wait.
    pub fish: u64,
    /// How many of them went to the dead letters of the topic from which the step takes them.
    pub dead_letters: u64,
    /// The one that came first.
    pub first_fish: String,
    /// When it came, event time.
    pub since: EventTime,
    /// Event time from then to the newest fish that came.
    pub waited: Duration,
}

/// A step that fish pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A measured fish is predicted.
    Predicted,
    /// A measured fish is weighed.
    Weighed,
    /// A fish that is predicted and weighed is joined.
    Joined,
    /// A joined fish is stored.
    Stored,
}

impl Step {
    /// All steps, in the order in which a fish passes them.
    pub const ALL: [Self; 4] = [Self::Predicted, Self::Weighed, Self::Joined, Self::Stored];

    /// The topic from which fish are taken one by one: what cannot be used is among its dead letters.
    fn takes_from(self) -> Option<&'static str> {
        match self {
            Self::Predicted => Some(topics::MACHINE_MEASUREMENT),
            Self::Stored => Some(topics::WEIGHT_DIFF),
            Self::Weighed | Self::Joined => None,
        }
    }

    /// When a fish came to this step, where it did.
    fn came(self, fish: &Fish, is_stored: &IsStored<'_>) -> Option<EventTime> {
        let measured = fish.measurement.as_ref().map(|one| one.timestamp);
        match self {
            Self::Predicted | Self::Weighed => measured,
            Self::Joined => {
                let weighed = fish.weighing.as_ref().map(|one| one.timestamp);
                weighed.filter(|_| fish.prediction.is_some())
            }
            Self::Stored => {
                let joined = fish.diff.as_ref().map(|one| one.timestamp);
                joined.filter(|_| fish.row_ids.iter().any(|id| is_stored(id).is_some()))
            }
        }
    }

    fn has_passed(self, fish: &Fish, is_stored: &IsStored<'_>) -> bool {
        match self {
            Self::Predicted => fish.prediction.is_some(),
            Self::Weighed => fish.weighing.is_some(),
            Self::Joined => fish.diff.is_some(),
            Self::Stored => fish.row_ids.iter().any(|id| is_stored(id) == Some(true)),
        }
    }
}

/// Whether the row with an identity (`_id`) is in the store; none where that is not known.
pub type IsStored<'a> = dyn Fn(&str) -> Option<bool> + 'a;

/// The steps that stand still, in the order in which a fish passes them. One fish that is lost while
/// later ones pass is no standstill. Whether a row of which nothing is known waits for the store is
/// not known either: it does not count.
pub fn standstills(ledger: &Ledger, is_stored: &IsStored<'_>) -> Vec<Standstill> {
    let fish = ledger.fish();
    let standing = |step: Step| {
        let came = || {
            fish.iter()
                .filter_map(|(id, one)| Some((step.came(one, is_stored)?, *id, *one)))
        };
        let passed = came().filter(|(_, _, one)| step.has_passed(one, is_stored));
        let last_passed = passed.map(|(at, ..)| at).max();
        let newest = came().map(|(at, ..)| at).max()?;
        let waiting = came().filter(|(at, ..)| Some(*at) > last_passed);
        let (since, first, _) = waiting.clone().min_by_key(|(at, ..)| *at)?;
        let waited = newest.as_millis().saturating_sub(since.as_millis());
        let dead = step.takes_from().map(topics::dead_letters_of);
        let dead = dead.map(|topic| ledger.dead_letters_of(&topic));
        let is_dead = |id: &str| dead.as_ref().is_some_and(|keys| keys.contains(id));
        Some(Standstill {
            step,
            fish: waiting.clone().count() as u64,
            dead_letters: waiting.filter(|(_, id, _)| is_dead(id)).count() as u64,
            first_fish: first.to_owned(),
            since,
            waited: Duration::from_millis(waited.unsigned_abs()),
        })
    };
    Step::ALL.into_iter().filter_map(standing).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::ledger::SeenRecord;

    fn time(second: i64) -> EventTime {
        EventTime::from_millis(1_623_245_960_000 + second * 1_000).expect("a time")
    }

    /// Fish `id`, measured at `2 * id` seconds and weighed 10 s later, as far as `steps` go.
    fn pass(ledger: &mut Ledger, id: i64, steps: usize) {
        let (measured, weighed) = (time(2 * id), time(2 * id + 10));
        let fish = format!(
            r#""Fish_Id":"{id}","Species":"salmon","Length":80.0,"Height":19.0,"Timestamp":"{measured}""#
        );
        let records = [
            (topics::MACHINE_MEASUREMENT, format!("{{{fish}}}")),
            (
                topics::WEIGHT_PREDICTION,
                format!(
                    r#"{{{fish},"Prediction":{{"Weight":4.0,"ModelTime":"t","ModelVersion":"v"}}}}"#
                ),
            ),
            (
                topics::MACHINE_WEIGHT,
                format!(
                    r#"{{"Fish_Id":"{id}","Species":"salmon","Weight":4.0,"Timestamp":"{weighed}"}}"#
                ),
            ),
            (
                topics::WEIGHT_DIFF,
                format!(
                    r#"{{"_id":"{id}@{weighed}","Key":"Key","Fish_Id":"{id}","Species":"salmon","Length":80.0,"Height":19.0,"PredictedWeight":4.0,"ActualWeight":4.0,"Error":0.0,"ModelTime":"t","ModelVersion":"v","Timestamp":"{weighed}"}}"#
                ),
            ),
        ];
        for (topic, value) in records.iter().take(steps) {
            let seen = SeenRecord {
                topic,
                key: None,
                value: Some(value.as_bytes()),
            };
            ledger.note(seen).expect("a readable record");
        }
    }

    #[test]
    fn a_join_that_has_ended_is_told_with_the_first_fish_that_waits_for_it() {
        let mut ledger = Ledger::default();
        (0..10).for_each(|id| pass(&mut ledger, id, 4));
        let stored: HashSet<String> = (0..10)
            .map(|id| format!("{id}@{}", time(2 * id + 10)))
            .collect();
        let is_stored = |id: &str| Some(stored.contains(id));
        assert_eq!(standstills(&ledger, &is_stored), []);
        (10..25).for_each(|id| pass(&mut ledger, id, 3));
        let found = standstills(&ledger, &is_stored);
        let joined = Standstill {
            step: Step::Joined,
            fish: 15,
            dead_letters: 0,
            first_fish: "10".to_owned(),
            since: time(30),
            waited: Duration::from_secs(28),
        };
        assert_eq!(found, [joined]);
    }

    #[test]
    fn one_lost_fish_is_no_standstill_and_a_store_that_takes_nothing_is_one() {
        let mut ledger = Ledger::default();
        (0..10).for_each(|id| pass(&mut ledger, id, if id == 5 { 1 } else { 4 }));
        let steps: Vec<_> = standstills(&ledger, &|_| Some(false))
            .into_iter()
            .map(|one| (one.step, one.first_fish))
            .collect();
        assert_eq!(steps, [(Step::Stored, "0".to_owned())]);
    }

    #[test]
    fn a_row_that_the_store_was_not_asked_for_does_not_wait_for_it() {
        let mut ledger = Ledger::default();
        (0..10).for_each(|id| pass(&mut ledger, id, 4));
        let asked = |until: i64| {
            let rows = (0..until).map(|id| format!("{id}@{}", time(2 * id + 10)));
            let rows: HashSet<_> = rows.collect();
            let is_stored = |id: &str| rows.contains(id).then_some(false);
            let found = standstills(&ledger, &is_stored).pop();
            found.map(|one| (one.step, one.fish, one.waited.as_secs()))
        };
        assert_eq!(asked(0), None);
        assert_eq!(asked(4), Some((Step::Stored, 4, 6)));
    }

    #[test]
    fn fish_that_went_to_the_dead_letters_are_told_from_those_that_wait() {
        let mut ledger = Ledger::default();
        (0..10).for_each(|id| pass(&mut ledger, id, if id < 8 { 4 } else { 1 }));
        let dead = |ledger: &mut Ledger, topic: &str, key: &str| {
            let letter = SeenRecord {
                topic: &topics::dead_letters_of(topic),
                key: Some(key.as_bytes()),
                // Its record was too large for it.
                value: None,
            };
            ledger.note(letter).expect("a letter");
        };
        dead(&mut ledger, topics::MACHINE_MEASUREMENT, "9");
        dead(&mut ledger, topics::WEIGHT_DIFF, "8");
        let found = standstills(&ledger, &|_| None);
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.step, one.fish, one.dead_letters))
            .collect();
        assert_eq!(found, [(Step::Predicted, 2, 1), (Step::Weighed, 2, 0)]);
        assert_eq!(ledger.dead_letters().values().sum::<u64>(), 2);
    }
}
