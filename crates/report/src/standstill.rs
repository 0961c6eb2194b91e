//! Steps that no fish passes any more, although fish come to them.

use std::collections::HashSet;
use std::time::Duration;

use messages::EventTime;

use crate::account::rows_of;
use crate::ledger::{Fish, Ledger};

/// A step at which every fish waits that came after the last one to pass it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standstill {
    /// The step.
    pub step: Step,
    /// How many fish wait.
    pub fish: u64,
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

    /// When a fish came to this step, where it did.
    fn came(self, fish: &Fish) -> Option<EventTime> {
        let measured = fish.measurement.as_ref().map(|one| one.timestamp);
        match self {
            Self::Predicted | Self::Weighed => measured,
            Self::Joined => {
                let weighed = fish.weighing.as_ref().map(|one| one.timestamp);
                weighed.filter(|_| fish.prediction.is_some())
            }
            Self::Stored => fish.diff.as_ref().map(|one| one.timestamp),
        }
    }

    fn has_passed(self, fish: &Fish, stored: &HashSet<String>) -> bool {
        match self {
            Self::Predicted => fish.prediction.is_some(),
            Self::Weighed => fish.weighing.is_some(),
            Self::Joined => fish.diff.is_some(),
            Self::Stored => rows_of(fish, stored) > 0,
        }
    }
}

/// The steps that stand still, in the order in which a fish passes them. One fish that is lost while
/// later ones pass is no standstill.
pub fn standstills(ledger: &Ledger, stored: &HashSet<String>) -> Vec<Standstill> {
    let fish = ledger.fish();
    let standing = |step: Step| {
        let came = || {
            fish.iter()
                .filter_map(|(id, one)| Some((step.came(one)?, *id, *one)))
        };
        let passed = came().filter(|(_, _, one)| step.has_passed(one, stored));
        let last_passed = passed.map(|(at, ..)| at).max();
        let newest = came().map(|(at, ..)| at).max()?;
        let waiting = came().filter(|(at, ..)| Some(*at) > last_passed);
        let (since, first, _) = waiting.clone().min_by_key(|(at, ..)| *at)?;
        let waited = newest.as_millis().saturating_sub(since.as_millis());
        Some(Standstill {
            step,
            fish: waiting.count() as u64,
            first_fish: first.to_owned(),
            since,
            waited: Duration::from_millis(waited.unsigned_abs()),
        })
    };
    Step::ALL.into_iter().filter_map(standing).collect()
}

#[cfg(test)]
mod tests {
    use messages::topics;

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
        assert_eq!(standstills(&ledger, &stored), []);
        (10..25).for_each(|id| pass(&mut ledger, id, 3));
        let found = standstills(&ledger, &stored);
        let joined = Standstill {
            step: Step::Joined,
            fish: 15,
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
        let steps: Vec<_> = standstills(&ledger, &HashSet::new())
            .into_iter()
            .map(|one| (one.step, one.first_fish))
            .collect();
        assert_eq!(steps, [(Step::Stored, "0".to_owned())]);
    }
}
