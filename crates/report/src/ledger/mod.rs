//! The ledger: every record seen, grouped by records. Adding a record takes constant time, and so do the
//! counts.

mod account;
mod counts;
mod rows;
mod selection;
mod texts;
mod views;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use pipeline::{Column, Definition, EventTime, Inputs, MessageError, TriggerRecord, topics};

pub use account::Account;
use account::Values;
pub use counts::StepCounts;
use counts::{Counts, Passed};
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
    pub value: TriggerRecord,
}

/// Every record seen so far, grouped by records.
#[derive(Clone, Debug)]
pub struct Ledger {
    definition: &'static Definition,
    /// In order of arrival.
    accounts: VecDeque<Account>,
    /// How many records arrived before the first of `records`, and were evicted.
    evicted: u64,
    /// The number of each record in order of arrival, from 0.
    by_id: HashMap<Arc<str>, u64>,
    /// How many records, triggers and dead-letter keys to keep; `None` keeps all.
    capacity: Option<usize>,
    counts: Counts,
    /// Records first seen later are not counted.
    until: Option<EventTime>,
    /// Records with a joined row that the store is not known to have.
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

impl Ledger {
    /// An empty ledger for the records of a pipeline.
    pub fn new(definition: &'static Definition) -> Self {
        Self {
            definition,
            accounts: VecDeque::new(),
            evicted: 0,
            by_id: HashMap::new(),
            capacity: None,
            counts: Counts::default(),
            until: None,
            unstored: BTreeSet::new(),
            found_rows: 0,
            newest_seen: None,
            newest_measurement: None,
            texts: Texts::default(),
            triggers: Vec::new(),
            dead_letters: BTreeMap::new(),
            dead_keys: VecDeque::new(),
            unreadable: BTreeMap::new(),
        }
    }

    /// A ledger for an endless run: it keeps only the newest `capacity` records, and as many
    /// triggers and dead-letter keys.
    pub fn bounded(definition: &'static Definition, capacity: usize) -> Self {
        Self {
            capacity: Some(capacity),
            ..Self::new(definition)
        }
    }

    /// The pipeline of the records.
    pub fn definition(&self) -> &'static Definition {
        self.definition
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
        let (definition, topics) = (self.definition, &self.definition.topics);
        if record.topic == topics.measured {
            let measured = definition.read_measured(value)?;
            let group = self.shared(measured.inputs.group.as_deref());
            let values = self.values(measured.inputs);
            let time = measured.timestamp;
            self.newest_measurement = self.newest_measurement.max(Some(time));
            self.update(&measured.key, |account| {
                account.measure(time, group, values);
            });
        } else if record.topic == topics.actual {
            let actual = definition.read_actual(value)?;
            self.update(&actual.key, |account| account.weigh(&actual));
        } else if record.topic == topics.predicted {
            let predicted = definition.read_predicted(value)?;
            let version = self.texts.shared(&predicted.model_version);
            self.update(&predicted.key, |account| {
                account.predict(&predicted, version);
            });
        } else if record.topic == topics.rows {
            let joined = definition.read_joined(value)?;
            let group = self.shared(joined.inputs.group.as_deref());
            let version = self.texts.shared(&joined.model_version);
            let number = self.update(&joined.key, |account| {
                account.join(&joined, group, version);
            });
            if self.at(number).is_some_and(|account| !account.all_stored()) {
                self.unstored.insert(number);
            }
        } else if record.topic == topics.trigger {
            let trigger = Trigger {
                window_start: window_start(record.key)?,
                value: definition.read_trigger(value)?,
            };
            if !self.triggers.contains(&trigger) {
                self.triggers.push(trigger);
                self.triggers.sort_by_key(|trigger| trigger.window_start);
                let surplus = self.triggers.len().saturating_sub(self.capacity());
                self.triggers.drain(..surplus);
            }
        }
        Ok(())
    }

    fn shared(&mut self, text: Option<&str>) -> Option<Arc<str>> {
        text.map(|text| self.texts.shared(text))
    }

    fn values(&mut self, inputs: Inputs) -> Values {
        let group = self.definition.group_among_categories();
        let levels = inputs.categories.iter().enumerate();
        let levels = levels.filter(|(position, _)| Some(*position) != group);
        Values {
            levels: levels.map(|(_, level)| self.texts.shared(level)).collect(),
            numbers: inputs.numbers,
        }
    }

    fn capacity(&self) -> usize {
        self.capacity.unwrap_or(usize::MAX)
    }

    /// Changes a record and the counts; returns its number.
    fn update(&mut self, id: &str, change: impl FnOnce(&mut Account)) -> u64 {
        let number = match self.by_id.get(id) {
            Some(number) => *number,
            None => self.add(id.into()),
        };
        self.change(number, change);
        number
    }

    fn add(&mut self, id: Arc<str>) -> u64 {
        let number = self.evicted + self.accounts.len() as u64;
        self.by_id.insert(Arc::clone(&id), number);
        let account = Account::new(id);
        self.counts.add(Passed::by(&account, self.until));
        self.accounts.push_back(account);
        while self.accounts.len() > self.capacity() {
            self.evict();
        }
        number
    }

    fn evict(&mut self) {
        if let Some(oldest) = self.accounts.pop_front() {
            self.by_id.remove(oldest.id());
            self.unstored.remove(&self.evicted);
            self.counts.remove(Passed::by(&oldest, self.until));
            self.evicted += 1;
        }
    }

    fn change(&mut self, number: u64, change: impl FnOnce(&mut Account)) {
        let until = self.until;
        let Some(account) = self.at_mut(number) else {
            return;
        };
        let before = Passed::by(account, until);
        change(account);
        let (after, seen) = (Passed::by(account, until), account.first_seen());
        self.newest_seen = self.newest_seen.max(seen);
        if before != after {
            self.counts.remove(before);
            self.counts.add(after);
        }
    }

    fn at(&self, number: u64) -> Option<&Account> {
        let at = number.checked_sub(self.evicted)?;
        self.accounts.get(usize::try_from(at).ok()?)
    }

    fn at_mut(&mut self, number: u64) -> Option<&mut Account> {
        let at = number.checked_sub(self.evicted)?;
        self.accounts.get_mut(usize::try_from(at).ok()?)
    }

    /// The newest event time of a measurement.
    pub fn newest_measurement(&self) -> Option<EventTime> {
        self.newest_measurement
    }

    /// The newest time at which a record was [first seen](Account::first_seen).
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

/// The categories without the group, whose levels are in the [accounts](Account).
pub(crate) fn other_categories(definition: &Definition) -> impl Iterator<Item = &Column> {
    let group = definition.group_among_categories();
    let categories = definition.categories().enumerate();
    categories
        .filter(move |(position, _)| Some(*position) != group)
        .map(|(_, column)| column)
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
