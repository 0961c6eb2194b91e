//! What a report needs of one record: about 250 bytes for a record with two numeric columns, and 8 more for
//! each further one. Texts that many records share are stored once.

use std::cmp::Ordering;
use std::sync::Arc;

use pipeline::{Actual, Column, Definition, EventTime, Joined, Predicted};

/// What happened to one record of the pipeline.
#[derive(Clone, Debug)]
pub struct Account {
    key: Arc<str>,
    group: Option<Arc<str>>,
    /// The version of its prediction. A record may be predicted more than once: the prediction that was
    /// joined counts.
    model_version: Option<Arc<str>>,
    values: Values,
    measured: Moment,
    predicted: Moment,
    weighed: Moment,
    joined: Moment,
    predicted_value: f64,
    actual_value: f64,
    error: f64,
    duplicates: u32,
    unseen_level: bool,
    /// Its row with the usual id: the record's key, `@` and the time of its actual value.
    row: RowState,
    /// Rows with other ids: of a record with more than one actual value, or of another SQL. Boxed, because
    /// most records have none.
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

/// The measured inputs of the model.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// In the order of [`Definition::numbers`](pipeline::Definition::numbers).
    pub(super) numbers: Box<[f64]>,
    /// The categories without the group, in the order of
    /// [`Definition::categories`](pipeline::Definition::categories).
    pub(super) levels: Box<[Arc<str>]>,
}

impl Account {
    pub(super) fn new(key: Arc<str>) -> Self {
        Self {
            key,
            group: None,
            model_version: None,
            values: Values::default(),
            measured: Moment::NONE,
            predicted: Moment::NONE,
            weighed: Moment::NONE,
            joined: Moment::NONE,
            predicted_value: 0.0,
            actual_value: 0.0,
            error: 0.0,
            duplicates: 0,
            unseen_level: false,
            row: RowState::None,
            other_rows: None,
        }
    }

    /// Its key.
    pub fn id(&self) -> &str {
        &self.key
    }

    pub(super) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.key)
    }

    /// Its group; `None` if it is unknown or the pipeline has no group.
    pub fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// When it was measured.
    pub fn measured(&self) -> Option<EventTime> {
        self.measured.time()
    }

    /// The time of its first prediction: that of the measurement.
    pub fn predicted(&self) -> Option<EventTime> {
        self.predicted.time()
    }

    /// When its actual value became known.
    pub fn weighed(&self) -> Option<EventTime> {
        self.weighed.time()
    }

    /// The time of its joined row: that of the actual value.
    pub fn joined(&self) -> Option<EventTime> {
        self.joined.time()
    }

    /// The version of its prediction.
    pub fn model_version(&self) -> Option<&str> {
        self.model_version.as_deref()
    }

    /// Its predicted value, in the target's unit.
    pub fn predicted_value(&self) -> Option<f64> {
        self.model_version.as_ref().map(|_| self.predicted_value)
    }

    /// Its actual value, in the target's unit.
    pub fn actual_value(&self) -> Option<f64> {
        self.weighed().map(|_| self.actual_value)
    }

    /// The error of its joined row, as the SQL computed it.
    pub fn error(&self) -> Option<f64> {
        self.joined().map(|_| self.error)
    }

    /// Whether its prediction is for a level of a category that the model was not trained on.
    pub fn unseen_level(&self) -> bool {
        self.unseen_level
    }

    /// Repeated records over all topics: each record after the first on its topic counts.
    pub fn duplicates(&self) -> u64 {
        self.duplicates.into()
    }

    /// A numeric input, by its position in [`Definition::numbers`](pipeline::Definition::numbers).
    pub fn number(&self, position: usize) -> Option<f64> {
        self.values.numbers.get(position).copied()
    }

    /// The level of a category, by its position among the [categories](pipeline::Definition::categories)
    /// without the group.
    pub(crate) fn level(&self, position: usize) -> Option<&str> {
        self.values.levels.get(position).map(|level| &**level)
    }

    /// The measured inputs of the model as text, by column; `None` before the measurement.
    pub fn inputs<'a>(&self, definition: &'a Definition) -> Option<Vec<(&'a Column, String)>> {
        self.measured()?;
        let numbers = definition.numbers().zip(&self.values.numbers);
        let numbers = numbers.map(|(column, value)| (column, value.to_string()));
        let group = definition.group_among_categories();
        let mut others = self.values.levels.iter();
        let categories = definition.categories().enumerate();
        let categories = categories.map(|(position, column)| {
            let level = match Some(position) == group {
                true => self.group(),
                false => others.next().map(|level| &**level),
            };
            (column, level.unwrap_or_default().to_owned())
        });
        Some(numbers.chain(categories).collect())
    }

    /// The event time of its measurement or prediction; if neither was seen, that of its actual value or
    /// joined row.
    pub fn first_seen(&self) -> Option<EventTime> {
        let times = [self.measured, self.predicted, self.weighed, self.joined];
        times.into_iter().find_map(Moment::time)
    }

    /// In order of measurement, records without a measurement last. Records measured at the same time are
    /// ordered by key, shorter keys first, so that 9 comes before 10.
    pub fn by_measurement(&self, other: &Self) -> Ordering {
        let key = |one: &Self| (one.measured == Moment::NONE, one.measured.0, one.key.len());
        let order = key(self).cmp(&key(other));
        order.then_with(|| self.key.cmp(&other.key))
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
        Some(format!("{}@{}", self.key, self.joined()?))
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

    pub(super) fn measure(&mut self, at: EventTime, group: Option<Arc<str>>, values: Values) {
        if self.measured.set_first(at) {
            self.group = group;
            self.values = values;
        } else {
            self.duplicates += 1;
        }
    }

    pub(super) fn weigh(&mut self, one: &Actual) {
        if self.weighed.set_first(one.timestamp) {
            self.actual_value = one.value;
        } else {
            self.duplicates += 1;
        }
    }

    pub(super) fn predict(&mut self, one: &Predicted, version: Arc<str>) {
        if !self.predicted.set_first(one.timestamp) {
            self.duplicates += 1;
            return;
        }
        self.unseen_level = one.unseen;
        if self.joined == Moment::NONE {
            self.predicted_value = one.value;
            self.model_version = Some(version);
        }
    }

    pub(super) fn join(&mut self, one: &Joined, group: Option<Arc<str>>, version: Arc<str>) {
        if self.joined.set_first(one.timestamp) {
            if self.group.is_none() {
                self.group = group;
            }
            self.predicted_value = one.predicted;
            self.model_version = Some(version);
            self.error = one.error;
        } else {
            self.duplicates += 1;
        }
        if self.usual_row().as_deref() == Some(one.row_id.as_str()) {
            if self.row == RowState::None {
                self.row = RowState::Unknown;
            }
            return;
        }
        let others = self.other_rows.get_or_insert_default();
        if !others.iter().any(|(id, _)| **id == *one.row_id) {
            others.push((one.row_id.as_str().into(), RowState::Unknown));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_takes_little_memory() {
        // Its key, its numbers and the index of the ledger add about 100 bytes.
        assert!(
            size_of::<Account>() <= 160,
            "{} bytes",
            size_of::<Account>()
        );
    }
}
