//! What a report needs of one fish: about 250 bytes for a fish with two numeric columns, and 8 more for
//! each further one. Texts that many fish share are stored once.

use std::cmp::Ordering;
use std::sync::Arc;

use pipeline::{EventTime, Measurement, Weighing, WeightDiff, WeightPrediction};

/// The records of one fish.
#[derive(Clone, Debug)]
pub struct Fish {
    id: Arc<str>,
    species: Option<Arc<str>>,
    /// The version of its prediction. A fish may be predicted more than once: the prediction that was
    /// joined counts.
    model_version: Option<Arc<str>>,
    numbers: Numbers,
    measured: Moment,
    predicted: Moment,
    weighed: Moment,
    joined: Moment,
    predicted_kg: f64,
    actual_kg: f64,
    error: f64,
    duplicates: u32,
    unseen_species: bool,
    /// Its row with the usual id: the fish's id, `@` and the time of weighing.
    row: RowState,
    /// Rows with other ids: of a fish that was weighed more than once, or of another SQL. Boxed, because
    /// most fish have none.
    other_rows: Option<Box<OtherRows>>,
}

type OtherRows = Vec<(Box<str>, RowState)>;

/// What is known of a joined row in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum RowState {
    /// There is no such row.
    #[default]
    None,
    /// The store was not queried for it yet.
    Unknown,
    /// The store did not have it when it was last queried.
    Missing,
    /// The store has it.
    Stored,
}

/// An optional event time in eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment(i64);

impl Moment {
    const NONE: Self = Self(i64::MIN);

    fn time(self) -> Option<EventTime> {
        // `i64::MIN` is not an event time.
        EventTime::from_millis(self.0).ok()
    }

    /// Sets the time if there is none; returns whether there was none.
    fn set_first(&mut self, time: EventTime) -> bool {
        let first = *self == Self::NONE;
        if first {
            self.0 = time.as_millis();
        }
        first
    }
}

/// The numeric fields of a measurement. Fish with the same fields share the names.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    pub(super) names: Arc<[Box<str>]>,
    pub(super) values: Box<[f64]>,
}

impl Fish {
    pub(super) fn new(id: Arc<str>) -> Self {
        Self {
            id,
            species: None,
            model_version: None,
            numbers: Numbers::default(),
            measured: Moment::NONE,
            predicted: Moment::NONE,
            weighed: Moment::NONE,
            joined: Moment::NONE,
            predicted_kg: 0.0,
            actual_kg: 0.0,
            error: 0.0,
            duplicates: 0,
            unseen_species: false,
            row: RowState::None,
            other_rows: None,
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// Its species.
    pub fn species(&self) -> Option<&str> {
        self.species.as_deref()
    }

    /// When it was measured.
    pub fn measured(&self) -> Option<EventTime> {
        self.measured.time()
    }

    /// The time of its first prediction: that of the measurement.
    pub fn predicted(&self) -> Option<EventTime> {
        self.predicted.time()
    }

    /// When it was weighed.
    pub fn weighed(&self) -> Option<EventTime> {
        self.weighed.time()
    }

    /// The time of its joined row: that of the weighing.
    pub fn joined(&self) -> Option<EventTime> {
        self.joined.time()
    }

    /// The version of its prediction.
    pub fn model_version(&self) -> Option<&str> {
        self.model_version.as_deref()
    }

    /// Its predicted weight in kilograms.
    pub fn predicted_kg(&self) -> Option<f64> {
        self.model_version.as_ref().map(|_| self.predicted_kg)
    }

    /// Its weight in kilograms.
    pub fn actual_kg(&self) -> Option<f64> {
        self.weighed().map(|_| self.actual_kg)
    }

    /// The relative error of its joined row.
    pub fn error(&self) -> Option<f64> {
        self.joined().map(|_| self.error)
    }

    /// Whether its prediction is for a species that the model was not trained on.
    pub fn unseen_species(&self) -> bool {
        self.unseen_species
    }

    /// Repeated records over all topics: each record after the first on its topic counts.
    pub fn duplicates(&self) -> u64 {
        self.duplicates.into()
    }

    /// A numeric field of its measurement. The names of SQL columns do not distinguish upper and lower
    /// case.
    pub fn number(&self, name: &str) -> Option<f64> {
        let mut numbers = self.numbers.names.iter().zip(&self.numbers.values);
        let found = numbers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }

    /// The event time of its measurement or prediction; if neither was seen, that of its weighing or
    /// joined row.
    pub fn first_seen(&self) -> Option<EventTime> {
        let times = [self.measured, self.predicted, self.weighed, self.joined];
        times.into_iter().find_map(Moment::time)
    }

    /// In order of measurement, fish without a measurement last. Fish measured at the same time are
    /// ordered by id, shorter ids first, so that 9 comes before 10.
    pub fn by_measurement(&self, other: &Self) -> Ordering {
        let key = |fish: &Self| {
            (
                fish.measured == Moment::NONE,
                fish.measured.0,
                fish.id.len(),
            )
        };
        let order = key(self).cmp(&key(other));
        order.then_with(|| self.id.cmp(&other.id))
    }

    /// Whether it has a joined row.
    pub fn has_row(&self) -> bool {
        self.rows().next().is_some()
    }

    /// Whether the store has a row of it; `None` if the store was not queried for any.
    pub fn is_stored(&self) -> Option<bool> {
        let known = self.rows().filter(|row| *row != RowState::Unknown);
        known.map(|row| row == RowState::Stored).max()
    }

    /// Whether the store was queried for all of its rows.
    pub fn rows_are_known(&self) -> bool {
        self.rows().all(|row| row != RowState::Unknown)
    }

    /// Whether the store has more than one row of it.
    pub fn is_stored_twice(&self) -> bool {
        let mut stored = self.rows().filter(|row| *row == RowState::Stored);
        stored.nth(1).is_some()
    }

    /// Whether the store is known to have all of its rows.
    pub(super) fn all_stored(&self) -> bool {
        self.rows().all(|row| row == RowState::Stored)
    }

    fn rows(&self) -> impl Iterator<Item = RowState> + '_ {
        let usual = Some(self.row).filter(|row| *row != RowState::None);
        let others = self.other_rows.iter().flat_map(|rows| rows.iter());
        usual.into_iter().chain(others.map(|(_, row)| *row))
    }

    /// The ids of the rows that are not known to be stored.
    pub(super) fn unstored(&self) -> impl Iterator<Item = String> + '_ {
        let is_open = |row: RowState| matches!(row, RowState::Unknown | RowState::Missing);
        let usual = is_open(self.row).then(|| self.usual_row()).flatten();
        let others = self.other_rows.iter().flat_map(|rows| rows.iter());
        let others = others.filter(move |(_, row)| is_open(*row));
        usual
            .into_iter()
            .chain(others.map(|(id, _)| id.to_string()))
    }

    fn usual_row(&self) -> Option<String> {
        Some(format!("{}@{}", self.id, self.joined()?))
    }

    /// Sets whether the store has a row.
    pub(super) fn set_stored(&mut self, id: &str, stored: bool) {
        let state = if stored {
            RowState::Stored
        } else {
            RowState::Missing
        };
        if self.row != RowState::None && self.usual_row().as_deref() == Some(id) {
            self.row = state;
            return;
        }
        let mut others = self.other_rows.iter_mut().flat_map(|rows| rows.iter_mut());
        if let Some((_, row)) = others.find(|(known, _)| **known == *id) {
            *row = state;
        }
    }

    pub(super) fn measure(&mut self, one: &Measurement, species: Arc<str>, numbers: Numbers) {
        if self.measured.set_first(one.timestamp) {
            self.species = Some(species);
            self.numbers = numbers;
        } else {
            self.duplicates += 1;
        }
    }

    pub(super) fn weigh(&mut self, one: &Weighing) {
        if self.weighed.set_first(one.timestamp) {
            self.actual_kg = one.weight_kg;
        } else {
            self.duplicates += 1;
        }
    }

    pub(super) fn predict(&mut self, one: &WeightPrediction, version: Arc<str>, unseen: bool) {
        if !self.predicted.set_first(one.timestamp) {
            self.duplicates += 1;
            return;
        }
        self.unseen_species = unseen;
        if self.joined == Moment::NONE {
            self.predicted_kg = one.prediction.weight_kg;
            self.model_version = Some(version);
        }
    }

    pub(super) fn join(&mut self, one: &WeightDiff, species: Arc<str>, version: Arc<str>) {
        if self.joined.set_first(one.timestamp) {
            self.species.get_or_insert(species);
            self.predicted_kg = one.predicted_weight_kg;
            self.model_version = Some(version);
            self.error = one.error;
        } else {
            self.duplicates += 1;
        }
        if self.usual_row().as_deref() == Some(one.id.as_str()) {
            if self.row == RowState::None {
                self.row = RowState::Unknown;
            }
            return;
        }
        let others = self.other_rows.get_or_insert_default();
        if !others.iter().any(|(id, _)| **id == *one.id) {
            others.push((one.id.as_str().into(), RowState::Unknown));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fish_takes_little_memory() {
        // Its id, its numbers and the index of the ledger add about 100 bytes.
        assert!(size_of::<Fish>() <= 160, "{} bytes", size_of::<Fish>());
    }
}
