//! The ledger: every record seen, grouped by fish. Adding a record takes constant time, and so do the
//! counts.

mod counts;
mod fish;
mod rows;
mod selection;
mod texts;
mod views;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use pipeline::{
    EventTime, FromWire, Measurement, MessageError, RetrainTrigger, Weighing, WeightDiff,
    WeightPrediction, topics,
};
use serde::Deserialize;

pub use counts::StepCounts;
use counts::{Counts, Passed};
pub use fish::Fish;
pub use rows::RowToCheck;
pub use selection::Selection;
use texts::Texts;

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
    /// In order of arrival.
    fish: VecDeque<Fish>,
    /// How many fish arrived before the first of `fish`, and were evicted.
    evicted: u64,
    /// The number of each fish in order of arrival, from 0.
    by_id: HashMap<Arc<str>, u64>,
    /// How many fish, triggers and dead-letter keys to keep; `None` keeps all.
    capacity: Option<usize>,
    counts: Counts,
    /// Fish first seen later are not counted.
    until: Option<EventTime>,
    /// Fish with a joined row that the store is not known to have.
    unstored: BTreeSet<u64>,
    found_rows: u64,
    newest_seen: Option<EventTime>,
    newest_measurement: Option<EventTime>,
    texts: Texts,
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
                let numbers = self.texts.numbers(&numbers(value)?);
                let species = self.texts.shared(&measurement.species);
                let time = Some(measurement.timestamp);
                self.newest_measurement = self.newest_measurement.max(time);
                self.update(&measurement.fish_id, |fish| {
                    fish.measure(&measurement, species, numbers);
                });
            }
            topics::MACHINE_WEIGHT => {
                let weighing = Weighing::from_wire(value)?;
                self.update(&weighing.fish_id, |fish| fish.weigh(&weighing));
            }
            topics::WEIGHT_PREDICTION => {
                let prediction = WeightPrediction::from_wire(value)?;
                let unseen = serde_json::from_slice::<FlaggedPrediction>(value)
                    .is_ok_and(|flagged| flagged.prediction.unseen_species);
                let version = self.texts.shared(&prediction.prediction.model_version);
                self.update(&prediction.fish_id, |fish| {
                    fish.predict(&prediction, version, unseen);
                });
            }
            topics::WEIGHT_DIFF => {
                let diff = WeightDiff::from_wire(value)?;
                let species = self.texts.shared(&diff.species);
                let version = self.texts.shared(&diff.model_version);
                let number = self.update(&diff.fish_id, |fish| fish.join(&diff, species, version));
                if self.at(number).is_some_and(|fish| !fish.all_stored()) {
                    self.unstored.insert(number);
                }
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

    /// Changes a fish and the counts; returns its number.
    fn update(&mut self, id: &str, change: impl FnOnce(&mut Fish)) -> u64 {
        let number = match self.by_id.get(id) {
            Some(number) => *number,
            None => self.add(id.into()),
        };
        self.change(number, change);
        number
    }

    fn add(&mut self, id: Arc<str>) -> u64 {
        let number = self.evicted + self.fish.len() as u64;
        self.by_id.insert(Arc::clone(&id), number);
        let fish = Fish::new(id);
        self.counts.add(Passed::by(&fish, self.until));
        self.fish.push_back(fish);
        while self.fish.len() > self.capacity() {
            self.evict();
        }
        number
    }

    fn evict(&mut self) {
        if let Some(oldest) = self.fish.pop_front() {
            self.by_id.remove(oldest.id());
            self.unstored.remove(&self.evicted);
            self.counts.remove(Passed::by(&oldest, self.until));
            self.evicted += 1;
        }
    }

    fn change(&mut self, number: u64, change: impl FnOnce(&mut Fish)) {
        let until = self.until;
        let Some(fish) = self.at_mut(number) else {
            return;
        };
        let before = Passed::by(fish, until);
        change(fish);
        let (after, seen) = (Passed::by(fish, until), fish.first_seen());
        self.newest_seen = self.newest_seen.max(seen);
        if before != after {
            self.counts.remove(before);
            self.counts.add(after);
        }
    }

    fn at(&self, number: u64) -> Option<&Fish> {
        let at = number.checked_sub(self.evicted)?;
        self.fish.get(usize::try_from(at).ok()?)
    }

    fn at_mut(&mut self, number: u64) -> Option<&mut Fish> {
        let at = number.checked_sub(self.evicted)?;
        self.fish.get_mut(usize::try_from(at).ok()?)
    }

    /// The newest event time of a measurement.
    pub fn newest_measurement(&self) -> Option<EventTime> {
        self.newest_measurement
    }

    /// The newest time at which a fish was [first seen](Fish::first_seen).
    pub fn newest_seen(&self) -> Option<EventTime> {
        self.newest_seen
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
