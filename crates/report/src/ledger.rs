//! Accounts for every fish: which records of it were seen on which topic.
//!
//! Pure: it is fed records and knows nothing of where they come from.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use pipeline::{
    EventTime, FromWire, Measurement, MessageError, RetrainTrigger, Weighing, WeightDiff,
    WeightPrediction, topics,
};

use crate::account::is_stored;

/// One record as it was read from a topic.
#[derive(Clone, Copy, Debug)]
pub struct SeenRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The record's key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The record's value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// What is known of one fish. The numbers count its records on each topic.
#[derive(Clone, Debug, Default)]
pub struct Fish {
    /// Its measurement.
    pub measurement: Option<Measurement>,
    /// The numbers of its measurement, by the JSON's names: what a model may predict from.
    pub numbers: Vec<(String, f64)>,
    /// The first prediction for it.
    pub prediction: Option<WeightPrediction>,
    /// Whether that prediction came from the pooled fit.
    pub unseen_species: bool,
    /// Its weighing.
    pub weighing: Option<Weighing>,
    /// Predicted and actual weight of it.
    pub diff: Option<WeightDiff>,
    /// The identities of its rows: more than one where it was weighed more than once.
    pub row_ids: Vec<String>,
    /// Records of it beyond the first, over all topics.
    pub duplicates: u64,
}

impl Fish {
    /// The event time of its measurement, which its prediction repeats; without both, that of its
    /// weighing, which its row repeats.
    pub fn first_seen(&self) -> Option<EventTime> {
        let measured = self.measurement.as_ref().map(|one| one.timestamp);
        let predicted = || self.prediction.as_ref().map(|one| one.timestamp);
        let weighed = || self.weighing.as_ref().map(|one| one.timestamp);
        let joined = || self.diff.as_ref().map(|one| one.timestamp);
        measured.or_else(predicted).or_else(weighed).or_else(joined)
    }
}

/// A trigger with the window that its key names.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// Start of the window, event time.
    pub window_start: EventTime,
    /// What the window held.
    pub value: RetrainTrigger,
}

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    fish: HashMap<String, Fish>,
    /// The fish in the order in which they were first seen, where not all are kept.
    arrivals: VecDeque<String>,
    /// How many are kept; `None` keeps all.
    most: Option<usize>,
    /// How many were seen and are not kept any more.
    forgotten: u64,
    triggers: Vec<Trigger>,
    dead_letters: BTreeMap<String, u64>,
    /// Their topics and keys, oldest first.
    dead_keys: VecDeque<(String, String)>,
    unreadable: BTreeMap<String, u64>,
}

/// Just the flag that the model adds to a prediction of an unseen species.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FlaggedPrediction {
    prediction: Flag,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Flag {
    #[serde(default)]
    unseen_species: bool,
}

impl Ledger {
    /// A ledger that keeps only the newest `most` fish, and as many triggers and keys of dead letters:
    /// for a run without an end.
    pub fn remembering(most: usize) -> Self {
        Self {
            most: Some(most),
            ..Self::default()
        }
    }

    /// Takes note of a record. Tombstones say nothing about a fish; a dead letter may have no value,
    /// where its record was too large.
    ///
    /// # Errors
    /// Where the value cannot be read; the ledger has counted it as unreadable.
    pub fn note(&mut self, record: SeenRecord<'_>) -> Result<(), MessageError> {
        if topics::is_dead_letters(record.topic) {
            self.note_dead_letter(record);
            return Ok(());
        }
        let Some(value) = record.value else {
            return Ok(());
        };
        let noted = self.note_value(record, value);
        if noted.is_err() {
            *self.unreadable.entry(record.topic.to_owned()).or_default() += 1;
        }
        noted
    }

    fn note_dead_letter(&mut self, record: SeenRecord<'_>) {
        let topic = record.topic.to_owned();
        *self.dead_letters.entry(topic.clone()).or_default() += 1;
        if let Some(key) = record.key.and_then(|key| std::str::from_utf8(key).ok()) {
            self.dead_keys.push_back((topic, key.to_owned()));
            let most = self.most.unwrap_or(usize::MAX);
            self.dead_keys
                .drain(..self.dead_keys.len().saturating_sub(most));
        }
    }

    fn note_value(&mut self, record: SeenRecord<'_>, value: &[u8]) -> Result<(), MessageError> {
        match record.topic {
            topics::MACHINE_MEASUREMENT => {
                let measurement = Measurement::from_wire(value)?;
                let numbers = numbers(value)?;
                let fish = self.entry(&measurement.fish_id);
                if first_or_duplicate(&mut fish.measurement, measurement, &mut fish.duplicates) {
                    fish.numbers = numbers;
                }
            }
            topics::MACHINE_WEIGHT => {
                let weighing = Weighing::from_wire(value)?;
                let fish = self.entry(&weighing.fish_id);
                first_or_duplicate(&mut fish.weighing, weighing, &mut fish.duplicates);
            }
            topics::WEIGHT_PREDICTION => {
                let prediction = WeightPrediction::from_wire(value)?;
                let unseen = serde_json::from_slice::<FlaggedPrediction>(value)
                    .is_ok_and(|flagged| flagged.prediction.unseen_species);
                let fish = self.entry(&prediction.fish_id);
                if first_or_duplicate(&mut fish.prediction, prediction, &mut fish.duplicates) {
                    fish.unseen_species = unseen;
                }
            }
            topics::WEIGHT_DIFF => {
                let diff = WeightDiff::from_wire(value)?;
                let fish = self.entry(&diff.fish_id);
                if !fish.row_ids.contains(&diff.id) {
                    fish.row_ids.push(diff.id.clone());
                }
                first_or_duplicate(&mut fish.diff, diff, &mut fish.duplicates);
            }
            topics::WEIGHT_RETRAIN => {
                let window_start = window_start(record.key)?;
                let trigger = Trigger {
                    window_start,
                    value: RetrainTrigger::from_wire(value)?,
                };
                if !self.triggers.contains(&trigger) {
                    self.triggers.push(trigger);
                    self.triggers.sort_by_key(|trigger| trigger.window_start);
                    let most = self.most.unwrap_or(usize::MAX);
                    let surplus = self.triggers.len().saturating_sub(most);
                    self.triggers.drain(..surplus);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn entry(&mut self, id: &str) -> &mut Fish {
        if let Some(most) = self.most
            && !self.fish.contains_key(id)
        {
            self.arrivals.push_back(id.to_owned());
            while self.arrivals.len() > most {
                if let Some(oldest) = self.arrivals.pop_front() {
                    self.fish.remove(&oldest);
                    self.forgotten += 1;
                }
            }
        }
        self.fish.entry(id.to_owned()).or_default()
    }

    /// How many fish were seen and are not kept any more.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Every fish that was seen on any topic, in the order of measurement; those without one last.
    pub fn fish(&self) -> Vec<(&str, &Fish)> {
        let mut all: Vec<_> = self
            .fish
            .iter()
            .map(|(id, fish)| (id.as_str(), fish))
            .collect();
        all.sort_by_key(|(id, fish)| {
            let measured = fish
                .measurement
                .as_ref()
                .map(|measurement| measurement.timestamp);
            (measured.is_none(), measured, id.len(), *id)
        });
        all
    }

    /// This ledger with only those fish of which something is so.
    #[must_use]
    pub fn with_fish(mut self, is_so: impl Fn(&Fish) -> bool) -> Self {
        self.fish.retain(|_, fish| is_so(fish));
        self
    }

    /// This ledger without the fish that are still on their way: [first seen](Fish::first_seen) within
    /// `on_the_way` before the newest fish was, and not stored yet; where it is not known which rows are
    /// `stored`, not joined yet. A fish of which only a prediction or a weighing was seen is on its way no
    /// longer than any other.
    #[must_use]
    pub fn without_those_on_their_way(
        &self,
        stored: Option<&HashSet<String>>,
        on_the_way: Duration,
    ) -> Self {
        let newest = self.fish.values().filter_map(Fish::first_seen).max();
        let since = newest.map(|newest| newest.before(on_the_way));
        self.clone()
            .with_fish(|fish| is_stored(fish, stored) || fish.first_seen() < since)
    }

    /// The newest event time of a measurement.
    pub fn newest_measurement(&self) -> Option<EventTime> {
        let measured = |fish: &Fish| fish.measurement.as_ref().map(|one| one.timestamp);
        self.fish.values().filter_map(measured).max()
    }

    /// This ledger without the fish that were first seen after `until`.
    #[must_use]
    pub fn measured_until(self, until: EventTime) -> Self {
        self.with_fish(|fish| fish.first_seen().is_none_or(|seen| seen <= until))
    }

    /// This ledger with the fish that were first seen after `since` only.
    #[must_use]
    pub fn measured_after(self, since: EventTime) -> Self {
        self.with_fish(|fish| fish.first_seen() > Some(since))
    }

    /// The triggers in the order of their windows; a repeated one is there once.
    pub fn triggers(&self) -> &[Trigger] {
        &self.triggers
    }

    /// Records on dead-letter topics, by topic.
    pub fn dead_letters(&self) -> &BTreeMap<String, u64> {
        &self.dead_letters
    }

    /// The keys of the dead letters on a topic, as far as they are remembered and text.
    pub fn dead_letters_of(&self, dead_letters: &str) -> HashSet<&str> {
        let all = self.dead_keys.iter();
        all.filter(|(on, _)| on == dead_letters)
            .map(|(_, key)| key.as_str())
            .collect()
    }

    /// The dead-letter topics on which a key was seen, by key: of the letters that are remembered.
    pub(crate) fn dead_letters_by_key(&self) -> HashMap<&str, BTreeSet<&str>> {
        let mut by_key: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for (topic, key) in &self.dead_keys {
            by_key.entry(key).or_default().insert(topic);
        }
        by_key
    }

    /// Records that could not be read, by topic.
    pub fn unreadable(&self) -> &BTreeMap<String, u64> {
        &self.unreadable
    }
}

/// Keeps the first value; true where this was it.
fn first_or_duplicate<T>(slot: &mut Option<T>, value: T, duplicates: &mut u64) -> bool {
    if slot.is_some() {
        *duplicates += 1;
        return false;
    }
    *slot = Some(value);
    true
}

/// The fields of a JSON object that are numbers.
fn numbers(value: &[u8]) -> Result<Vec<(String, f64)>, MessageError> {
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(value).map_err(|error| MessageError::NotJson(error.to_string()))?;
    let numbers = fields.into_iter();
    Ok(numbers
        .filter_map(|(name, value)| Some((name, value.as_f64()?)))
        .collect())
}

/// A windowed key ends in the window's start: milliseconds, eight bytes, big endian.
fn window_start(key: Option<&[u8]>) -> Result<EventTime, MessageError> {
    let millis = key
        .and_then(|key| key.last_chunk::<8>())
        .map(|start| i64::from_be_bytes(*start));
    millis
        .and_then(|millis| EventTime::from_millis(millis).ok())
        .ok_or_else(|| MessageError::Field {
            field: "record key".into(),
            reason: "does not end in a window's start (8 bytes, big endian, ms)".into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(id: &str, second: u8) -> String {
        format!(
            r#"{{"Fish_Id":"{id}","Species":"salmon","Length":86.37,"Height":18.74,"Timestamp":"2021-06-09T13:39:{second:02}.000Z"}}"#
        )
    }

    fn note(ledger: &mut Ledger, topic: &str, key: Option<&[u8]>, value: &str) -> bool {
        ledger
            .note(SeenRecord {
                topic,
                key,
                value: Some(value.as_bytes()),
            })
            .is_ok()
    }

    #[test]
    fn fish_come_in_the_order_of_measurement_and_repeats_are_counted_not_kept() {
        let mut ledger = Ledger::default();
        for (id, second) in [("10", 4), ("9", 2), ("9", 2)] {
            assert!(note(
                &mut ledger,
                topics::MACHINE_MEASUREMENT,
                None,
                &measurement(id, second)
            ));
        }
        let ids: Vec<_> = ledger
            .fish()
            .into_iter()
            .map(|(id, fish)| (id, fish.duplicates))
            .collect();
        assert_eq!(ids, [("9", 1), ("10", 0)]);
    }

    #[test]
    fn a_ledger_for_a_run_without_an_end_forgets_the_oldest_fish_and_says_how_many() {
        let mut ledger = Ledger::remembering(2);
        for (id, second) in [("1", 1), ("2", 2), ("2", 2), ("3", 3)] {
            assert!(note(
                &mut ledger,
                topics::MACHINE_MEASUREMENT,
                None,
                &measurement(id, second)
            ));
        }
        let ids: Vec<_> = ledger.fish().into_iter().map(|(id, _)| id).collect();
        assert_eq!((ids, ledger.forgotten()), (vec!["2", "3"], 1));
    }

    #[test]
    fn a_fish_measured_just_now_is_on_its_way_an_older_one_that_was_not_stored_is_missing() {
        let mut ledger = Ledger::default();
        for (id, second) in [("1", 1), ("2", 50)] {
            assert!(note(
                &mut ledger,
                topics::MACHINE_MEASUREMENT,
                None,
                &measurement(id, second)
            ));
        }
        let settled =
            ledger.without_those_on_their_way(Some(&HashSet::new()), Duration::from_secs(20));
        let ids: Vec<_> = settled.fish().into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["1"]);
    }

    #[test]
    fn a_ledger_until_a_time_has_no_later_fish_and_keeps_what_was_seen_without_a_measurement() {
        let mut ledger = Ledger::default();
        for (id, second) in [("1", 1), ("2", 50)] {
            assert!(note(
                &mut ledger,
                topics::MACHINE_MEASUREMENT,
                None,
                &measurement(id, second)
            ));
        }
        for (id, second) in [("3", 2), ("4", 51)] {
            let weighing = format!(
                r#"{{"Fish_Id":"{id}","Species":"salmon","Weight":4.4,"Timestamp":"2021-06-09T13:39:{second:02}.000Z"}}"#
            );
            assert!(note(&mut ledger, topics::MACHINE_WEIGHT, None, &weighing));
        }
        let until = "2021-06-09T13:39:49.000Z".parse().expect("a time");
        let there = ledger.measured_until(until);
        let ids: Vec<_> = there.fish().into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["1", "3"]);
    }

    #[test]
    fn a_fish_weighed_long_ago_whose_measurement_was_lost_is_not_on_its_way() {
        let mut ledger = Ledger::default();
        let weighing = r#"{"Fish_Id":"1","Species":"salmon","Weight":4.5,"Timestamp":"2021-06-09T13:39:11.000Z"}"#;
        assert!(note(&mut ledger, topics::MACHINE_WEIGHT, None, weighing));
        let newest = measurement("2", 50);
        assert!(note(
            &mut ledger,
            topics::MACHINE_MEASUREMENT,
            None,
            &newest
        ));
        let settled =
            ledger.without_those_on_their_way(Some(&HashSet::new()), Duration::from_secs(20));
        let ids: Vec<_> = settled.fish().into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["1"]);
        let since = |text: &str| {
            settled
                .clone()
                .measured_after(text.parse().expect("a time"))
        };
        assert_eq!(since("2021-06-09T13:39:10.000Z").fish().len(), 1);
        assert!(since("2021-06-09T13:39:11.000Z").fish().is_empty());
    }

    #[test]
    fn a_fish_of_which_only_a_prediction_was_seen_is_missing_after_its_time() {
        let prediction = |id: &str, second: u8| {
            let measurement = measurement(id, second);
            let (fields, _) = measurement.rsplit_once('}').expect("an object");
            format!(
                r#"{fields},"Prediction":{{"Weight":4.0,"ModelTime":"2021-06-02 07:48:52","ModelVersion":"v1"}}}}"#
            )
        };
        let mut ledger = Ledger::default();
        for (id, second) in [("1", 1), ("2", 50)] {
            let value = prediction(id, second);
            assert!(note(&mut ledger, topics::WEIGHT_PREDICTION, None, &value));
        }
        // Also where the topic of the measurements cannot be read at all.
        let settled = |ledger: &Ledger| {
            let settled =
                ledger.without_those_on_their_way(Some(&HashSet::new()), Duration::from_secs(20));
            let ids = settled.fish().into_iter().map(|(id, _)| id.to_owned());
            ids.collect::<Vec<_>>()
        };
        assert_eq!(settled(&ledger), ["1"]);
        let newest = measurement("3", 55);
        assert!(note(
            &mut ledger,
            topics::MACHINE_MEASUREMENT,
            None,
            &newest
        ));
        assert_eq!(settled(&ledger), ["1"]);
    }

    #[test]
    fn an_unreadable_record_is_counted_and_no_fish() {
        let mut ledger = Ledger::default();
        assert!(!note(&mut ledger, topics::MACHINE_MEASUREMENT, None, "{"));
        assert_eq!(ledger.unreadable()[topics::MACHINE_MEASUREMENT], 1);
        assert!(ledger.fish().is_empty());
    }

    #[test]
    fn a_trigger_takes_its_window_from_the_key_and_counts_once_however_often_it_is_written() {
        let mut ledger = Ledger::default();
        let key = [b"v1".as_slice(), &1_623_245_940_000_i64.to_be_bytes()].concat();
        let value = r#"{"ModelVersion":"v1","Species":["salmon"],"Fish_Id_Start":"1","Fish_Id_End":"9","ErrorAvg":0.4,"Fish":9}"#;
        assert!(note(&mut ledger, topics::WEIGHT_RETRAIN, Some(&key), value));
        assert!(note(&mut ledger, topics::WEIGHT_RETRAIN, Some(&key), value));
        let starts: Vec<_> = ledger
            .triggers()
            .iter()
            .map(|t| t.window_start.to_string())
            .collect();
        assert_eq!(starts, ["2021-06-09T13:39:00.000Z"]);
        assert!(!note(&mut ledger, topics::WEIGHT_RETRAIN, None, value));
    }
}
