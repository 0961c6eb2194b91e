//! The species of a report, numbered in the order of their first fish.

use std::collections::HashMap;

use report::Report;

use super::name;

/// Species by number and number by species.
pub(crate) struct SpeciesIndex<'a> {
    names: Vec<&'a str>,
    numbers: HashMap<&'a str, usize>,
}

impl<'a> SpeciesIndex<'a> {
    pub(crate) fn of(report: &'a Report) -> Self {
        let mut index = Self {
            names: Vec::new(),
            numbers: HashMap::new(),
        };
        for row in &report.fish_rows {
            if !index.numbers.contains_key(row.species.as_str()) {
                index.numbers.insert(&row.species, index.names.len());
                index.names.push(&row.species);
            }
        }
        index
    }

    /// The number of a species that some fish has.
    pub(crate) fn number(&self, species: &str) -> usize {
        self.numbers.get(species).copied().unwrap_or_default()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.names.iter().map(|one| name(one)).collect()
    }
}
