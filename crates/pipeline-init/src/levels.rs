//! How much the levels of a category explain, in all rows of a file.

use std::collections::HashMap;

use feed::rows::{Cell, FeedRow};
use pipeline::Definition;

/// The sums of the target by level. Their number is bounded by that of the levels, which the survey bounds.
#[derive(Clone, Debug, Default)]
pub struct LevelSums {
    /// The name of the category.
    pub column: String,
    /// The places of the category and of the target in a row.
    places: Option<(usize, usize)>,
    /// For each level, the number of rows and the sum of the target.
    levels: HashMap<String, (f64, f64)>,
    count: f64,
    sum: f64,
    squares: f64,
    /// Subtracted from the target, so that the sums keep their digits.
    origin: Option<f64>,
}

impl LevelSums {
    /// Without rows.
    pub fn of(definition: &Definition, column: &str) -> Self {
        let place = |name: &str| {
            let mut columns = definition.columns().iter();
            columns.position(|column| column.name == name)
        };
        Self {
            column: column.to_owned(),
            places: place(column).zip(place(&definition.target().name)),
            ..Self::default()
        }
    }

    /// Adds a row, if it has a level and a target.
    pub fn add(&mut self, row: &FeedRow) {
        let Some((level, target)) = self.places else {
            return;
        };
        let (Some(Some(Cell::Level(level))), Some(Some(Cell::Number(value)))) =
            (row.cells.get(level), row.cells.get(target))
        else {
            return;
        };
        let value = value - *self.origin.get_or_insert(*value);
        if !self.levels.contains_key(level) {
            self.levels.insert(level.clone(), (0.0, 0.0));
        }
        if let Some((count, sum)) = self.levels.get_mut(level) {
            *count += 1.0;
            *sum += value;
        }
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    /// The part of the target's variance that is between the levels, adjusted for their number.
    pub fn explained(&self) -> f64 {
        let total = self.squares - self.sum * self.sum / self.count;
        let between: f64 = self
            .levels
            .values()
            .map(|(count, sum)| sum * sum / count)
            .sum();
        let within = self.squares - between;
        let levels = self.levels.len() as f64;
        let adjusted = 1.0 - (within / (self.count - levels)) / (total / (self.count - 1.0));
        if adjusted.is_finite() { adjusted } else { 0.0 }
    }
}
