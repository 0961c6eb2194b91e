//! The ledger: every record seen, grouped by fish.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use pipeline::{
    EventTime, FromWire, Measurement, MessageError, RetrainTrigger, Weighing, WeightDiff,
    WeightPrediction, topics,
};
use serde::Deserialize;

use crate::accounting::is_stored;

/// One record as read from a topic.
#[derive(Clone, Copy, Debug)]
pub struct SeenRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The record's key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The record's value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// The records of one fish.
#[derive(Clone, Debug, Default)]
pub struct Fish {
    /// Its measurement.
    pub measurement: Option<Measurement>,
    /// The numeric fields of its measurement by JSON name: the possible features of a model.
    pub numbers: Vec<(String, f64)>,
    /// Its first prediction.
    pub prediction: Option<WeightPrediction>,
    /// Whether that prediction is for a species that the model was not trained on.
    pub unseen_species: bool,
    /// Its weighing.
    pub weighing: Option<Weighing>,
    /// Its predicted and actual weight, joined by the SQL.
    pub diff: Option<WeightDiff>,
    /// The ids (`_id`) of its joined rows: several if it was weighed more than once.
    pub row_ids: Vec<String>,
    /// Repeated records over all topics: each record after the first on its topic counts.
    pub duplicates: u64,
}

impl Fish {
    /// The event time of its measurement or prediction; if neither was seen, that of its weighing or
    /// joined row.
    pub fn first_seen(&self) -> Option<EventTime> {
        let measured = self.measurement.as_ref().map(|one| one.timestamp);
        let predicted = || self.prediction.as_ref().map(|one| one.timestamp);
        let weighed = || self.weighing.as_ref().map(|one| one.timestamp);
        let joined = || self.diff.as_ref().map(|one| one.timestamp);
        measured.or_else(predicted).or_else(weighed).or_else(joined)
    }
}

/// A retrain trigger with the window from its record key.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// Start of the window, event time.
    pub window_start: EventTime,
    /// The record's value.
    pub value: RetrainTrigger,
}

/// Every record seen so far, grouped by fish.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    fish: HashMap<String, Fish>,
    /// Ids in order of arrival; only filled if `capacity` is set.
    arrivals: VecDeque<String>,
    /// How many fish, triggers and dead-letter keys to keep; `None` keeps all.
    capacity: Option<usize>,
    evicted: u64,
    triggers: Vec<Trigger>,
    dead_letters: BTreeMap<String, u64>,
    /// Topics and keys of dead letters, oldest first.
    dead_keys: VecDeque<(String, String)>,
    unreadable: BTreeMap<String, u64>,
}

/// The part of a prediction that says whether the model was trained on the species.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FlaggedPrediction {
    prediction: Flag,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Flag {
    #[serde(default)]
    unseen_species: bool,
}

impl Ledger {
    /// A ledger for an endless run: it keeps only the newest `capacity` fish, and as many
    /// triggers and dead-letter keys.
    pub fn bounded(capacity: usize) -> Self {
        Self {
            capacity: Some(capacity),
            ..Self::default()
        }
    }

    /// Adds a record. Tombstones are ignored, except on dead-letter topics: a dead letter has no value
    /// if the original record was too large.
    ///
    /// # Errors
    /// If the value cannot be read. The ledger has then counted the record as unreadable.
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
            let surplus = self.dead_keys.len().saturating_sub(self.capacity());
            self.dead_keys.drain(..surplus);
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
                let trigger = Trigger {
                    window_start: window_start(record.key)?,
                    value: RetrainTrigger::from_wire(value)?,
                };
                if !self.triggers.contains(&trigger) {
                    self.triggers.push(trigger);
                    self.triggers.sort_by_key(|trigger| trigger.window_start);
                    let surplus = self.triggers.len().saturating_sub(self.capacity());
                    self.triggers.drain(..surplus);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.capacity.unwrap_or(usize::MAX)
    }

    fn entry(&mut self, id: &str) -> &mut Fish {
        if let Some(capacity) = self.capacity
            && !self.fish.contains_key(id)
        {
            self.arrivals.push_back(id.to_owned());
            while self.arrivals.len() > capacity {
                if let Some(oldest) = self.arrivals.pop_front() {
                    self.fish.remove(&oldest);
                    self.evicted += 1;
                }
            }
        }
        self.fish.entry(id.to_owned()).or_default()
    }

    /// How many fish a [bounded](Self::bounded) ledger has evicted.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Every fish seen on any topic, in order of measurement. Fish without a measurement come last. Fish
    /// measured at the same time are ordered by id, shorter ids first, so that 9 comes before 10.
    pub fn fish(&self) -> Vec<(&str, &Fish)> {
        let fish = self.fish.iter();
        let mut all: Vec<_> = fish.map(|(id, fish)| (id.as_str(), fish)).collect();
        all.sort_by_key(|(id, fish)| {
            let measured = fish.measurement.as_ref().map(|one| one.timestamp);
            (measured.is_none(), measured, id.len(), *id)
        });
        all
    }

    /// This ledger with only the fish for which `keep` is true.
    #[must_use]
    pub fn with_fish(mut self, keep: impl Fn(&Fish) -> bool) -> Self {
        self.fish.retain(|_, fish| keep(fish));
        self
    }

    /// This ledger without the fish in flight: not stored yet, and [first seen](Fish::first_seen) no
    /// longer than `flight` (event time) before the newest fish. If `stored` (the ids of the stored
    /// rows) is unknown, a joined fish counts as stored.
    #[must_use]
    pub fn without_in_flight(&self, stored: Option<&HashSet<String>>, flight: Duration) -> Self {
        let newest = self.fish.values().filter_map(Fish::first_seen).max();
        let since = newest.map(|newest| newest.before(flight));
        self.clone()
            .with_fish(|fish| is_stored(fish, stored) || fish.first_seen() < since)
    }

    /// The newest event time of a measurement.
    pub fn newest_measurement(&self) -> Option<EventTime> {
        let measured = |fish: &Fish| fish.measurement.as_ref().map(|one| one.timestamp);
        self.fish.values().filter_map(measured).max()
    }

    /// This ledger without the fish [first seen](Fish::first_seen) after `until`.
    #[must_use]
    pub fn measured_until(self, until: EventTime) -> Self {
        self.with_fish(|fish| fish.first_seen().is_none_or(|seen| seen <= until))
    }

    /// This ledger with only the fish [first seen](Fish::first_seen) after `since`.
    #[must_use]
    pub fn measured_after(self, since: EventTime) -> Self {
        self.with_fish(|fish| fish.first_seen() > Some(since))
    }

    /// The triggers in order of their windows, without repetitions.
    pub fn triggers(&self) -> &[Trigger] {
        &self.triggers
    }

    /// How many records each dead-letter topic has.
    pub fn dead_letters(&self) -> &BTreeMap<String, u64> {
        &self.dead_letters
    }

    /// The UTF-8 keys of the records of a dead-letter topic.
    pub(crate) fn dead_letters_of(&self, topic: &str) -> HashSet<&str> {
        let keys = self.dead_keys.iter();
        keys.filter(|(on, _)| on == topic)
            .map(|(_, key)| key.as_str())
            .collect()
    }

    /// The dead-letter topics that have a record with a key, by key.
    pub(crate) fn dead_letters_by_key(&self) -> HashMap<&str, BTreeSet<&str>> {
        let mut by_key: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for (topic, key) in &self.dead_keys {
            by_key.entry(key).or_default().insert(topic);
        }
        by_key
    }

    /// How many records of each topic could not be read.
    pub fn unreadable(&self) -> &BTreeMap<String, u64> {
        &self.unreadable
    }
}

/// Keeps only the first value; returns whether `value` was the first.
fn first_or_duplicate<T>(slot: &mut Option<T>, value: T, duplicates: &mut u64) -> bool {
    if slot.is_some() {
        *duplicates += 1;
        return false;
    }
    *slot = Some(value);
    true
}

/// The numeric fields of a JSON object.
fn numbers(value: &[u8]) -> Result<Vec<(String, f64)>, MessageError> {
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(value).map_err(|error| MessageError::NotJson(error.to_string()))?;
    let fields = fields.into_iter();
    Ok(fields
        .filter_map(|(name, value)| Some((name, value.as_f64()?)))
        .collect())
}

/// The window start at the end of a windowed key: milliseconds, eight bytes, big endian.
fn window_start(key: Option<&[u8]>) -> Result<EventTime, MessageError> {
    let millis = key
        .and_then(|key| key.last_chunk::<8>())
        .map(|start| i64::from_be_bytes(*start));
    millis
        .and_then(|millis| EventTime::from_millis(millis).ok())
        .ok_or_else(|| MessageError::Field {
            field: "record key".into(),
            reason: "does not end in a window start (8 bytes, big endian, ms)".into(),
        })
}
