//! From training rows to a model version.

use std::collections::{BTreeMap, BTreeSet};

use model_store::features::{self, TrainingRow};
use model_store::{Cause, LeftOut, Version};
use pipeline::{Definition, EventTime};
use regression::{ErrorMeasureError, FitError};

use super::rows::Skipped;

/// The minimum number of training rows, however few columns the model has.
pub const MIN_ROWS: usize = 10;
/// The minimum number of training rows per column of the design matrix.
pub const MIN_ROWS_PER_COLUMN: usize = 3;

/// Why rows cannot be fitted.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// There are too few rows for the formula, even without any category.
    #[error(
        "{rows} valid rows are too few, expected at least {needed} for the model's {columns} columns: \
         {advice}"
    )]
    TooFewRows {
        /// The number of valid rows.
        rows: usize,
        /// Columns of the design matrix.
        columns: usize,
        /// The number of rows needed.
        needed: usize,
        /// Whether to wait, or why rows were skipped.
        advice: String,
    },
    /// The rows have no unique fit.
    #[error("the rows cannot be fitted: {0}")]
    Degenerate(#[from] FitError),
    /// The error of the model is undefined.
    #[error("the error of the model cannot be computed: {0}")]
    Unmeasurable(#[from] ErrorMeasureError),
    /// The formula or its columns are wrong, regardless of the data.
    #[error("the definition of the model is wrong: {0}")]
    Definition(String),
}

/// Fits a version to `rows`, which are sorted oldest first. Levels with the fewest rows are left out if the
/// rows are too few for a column for each level. A category is left out if other columns determine its levels in
/// these rows, or if it has random intercepts and a level of its own in each row.
///
/// # Errors
/// There are too few rows, or the rows have no unique fit.
pub fn train_version(
    definition: &Definition,
    rows: Vec<TrainingRow>,
    skipped: &Skipped,
    cause: Cause,
    training_started: EventTime,
) -> Result<Version, TrainError> {
    let too_few = |columns: usize| TrainError::TooFewRows {
        rows: rows.len(),
        columns,
        needed: needed(columns),
        advice: match skipped.count() {
            0 => format!(
                "wait for more {}, or train on more rows",
                definition.records
            ),
            _ => skipped.to_string(),
        },
    };
    if rows.is_empty() {
        return Err(too_few(1 + definition.numbers().len()));
    }
    let mut left_out = left_out(definition, &rows)?;
    let columns = columns(definition, &rows, &left_out)?;
    if rows.len() < needed(columns) {
        return Err(too_few(columns));
    }
    let model = loop {
        let table = features::table_without(definition, &rows, &left_out)
            .map_err(|error| TrainError::Definition(error.to_string()))?;
        match regression::fit(&definition.formula, &table) {
            Err(FitError::DependentColumn { column, on }) => {
                let names: Vec<&str> = on.iter().chain([&column]).map(String::as_str).collect();
                let Some(category) = dependent_category(definition, &rows, &left_out, &names)
                else {
                    return Err(FitError::DependentColumn { column, on }.into());
                };
                left_out.retain(|one| one.column != category.column);
                left_out.push(category);
            }
            // No level has a second row yet.
            Err(FitError::GroupPerRow { column }) => {
                left_out.push(all_levels(definition, &rows, column))
            }
            fitted => break fitted?,
        }
    };
    let count = skipped.count();
    let mut version = Version::new(definition, model, rows, count, cause, training_started)?;
    version.info.left_out = left_out;
    Ok(version)
}

/// The number of rows that the columns of these rows need. Each level of a random intercept counts as a column:
/// fewer rows can be fitted, but say little about the levels.
pub(super) fn rows_needed(definition: &Definition, rows: &[TrainingRow]) -> usize {
    let levels: BTreeSet<&String> = match intercepts(definition) {
        Some(place) => rows
            .iter()
            .filter_map(|row| row.levels.get(place))
            .collect(),
        None => BTreeSet::new(),
    };
    columns(definition, rows, &[]).map_or(MIN_ROWS, |columns| needed(columns + levels.len()))
}

/// The position of the column of the random intercepts among a row's levels.
pub(super) fn intercepts(definition: &Definition) -> Option<usize> {
    let group = definition.formula.group()?;
    features::levels(definition).position(|column| column.name == group)
}

fn needed(columns: usize) -> usize {
    MIN_ROWS.max(MIN_ROWS_PER_COLUMN * columns)
}

/// The columns of the design matrix.
fn columns(
    definition: &Definition,
    rows: &[TrainingRow],
    left_out: &[LeftOut],
) -> Result<usize, TrainError> {
    let table = features::table_without(definition, rows, left_out);
    let table = table.map_err(|error| TrainError::Definition(error.to_string()))?;
    Ok(regression::design_columns(&definition.formula, &table)?)
}

/// The levels that must be left out so that the rows suffice: as few as possible, those with the fewest rows
/// first. All levels that are left out of a category are one level together.
fn left_out(definition: &Definition, rows: &[TrainingRow]) -> Result<Vec<LeftOut>, TrainError> {
    let suffices = |left_out: &[LeftOut]| {
        columns(definition, rows, left_out).map(|columns| needed(columns) <= rows.len())
    };
    if suffices(&[])? {
        return Ok(Vec::new());
    }
    let fewest_first = levels_by_rows(definition, rows);
    // The number of columns does not grow with the number of levels that are left out.
    let (mut too_few, mut enough) = (0, fewest_first.len());
    while enough - too_few > 1 {
        let middle = too_few + (enough - too_few) / 2;
        if suffices(&without(definition, &fewest_first[..middle]))? {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    Ok(without(definition, &fewest_first[..enough]))
}

/// The levels of the categories that have a column for each level, with the position of the category: those
/// with the fewest rows first.
fn levels_by_rows<'r>(definition: &Definition, rows: &'r [TrainingRow]) -> Vec<(usize, &'r str)> {
    let first = features::levels(definition).count() - definition.categories().len();
    let mut counts: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    for (category, column) in definition.categories().enumerate() {
        // The levels of a random intercept have no columns.
        if definition.formula.group() == Some(&column.name) {
            continue;
        }
        for row in rows {
            let level = row.levels[first + category].as_str();
            *counts.entry((category, level)).or_default() += 1;
        }
    }
    let mut levels: Vec<_> = counts.into_iter().collect();
    levels.sort_by_key(|(_, count)| *count);
    levels.into_iter().map(|(level, _)| level).collect()
}

/// These levels, by category.
fn without(definition: &Definition, levels: &[(usize, &str)]) -> Vec<LeftOut> {
    let categories = definition.categories().enumerate();
    let by_category = categories.map(|(category, column)| {
        let of_category = levels.iter().filter(|(of, _)| *of == category);
        let mut levels: Vec<String> = of_category.map(|(_, level)| (*level).to_owned()).collect();
        levels.sort_unstable();
        LeftOut {
            column: column.name.clone(),
            levels,
        }
    });
    by_category.filter(|one| !one.levels.is_empty()).collect()
}

/// A category to leave out as a whole, because columns of the design matrix with these names depend on each
/// other: one whose levels are among the names, the group last. `None` if there is no such category.
fn dependent_category(
    definition: &Definition,
    rows: &[TrainingRow],
    left_out: &[LeftOut],
    names: &[&str],
) -> Option<LeftOut> {
    let levels = levels_by_rows(definition, rows);
    let group = definition.group_among_categories();
    let mut candidates: Vec<usize> = (0..definition.categories().len()).collect();
    candidates.sort_by_key(|category| Some(*category) == group);
    candidates.into_iter().find_map(|category| {
        let column = definition.categories().nth(category)?;
        let of_category = levels.iter().filter(|(of, _)| *of == category);
        let mut levels: Vec<String> = of_category.map(|(_, level)| (*level).to_owned()).collect();
        levels.sort_unstable();
        let is_left_out = left_out
            .iter()
            .any(|one| one.column == column.name && one.levels == levels);
        // As R names the column of a level; in an interaction it is a part of the name.
        let is_named = levels.iter().any(|level| {
            let name = format!("{}{level}", column.name);
            names
                .iter()
                .any(|given| given.split(':').any(|part| part == name))
        });
        (is_named && !is_left_out).then(|| LeftOut {
            column: column.name.clone(),
            levels,
        })
    })
}

/// A category to leave out as a whole.
fn all_levels(definition: &Definition, rows: &[TrainingRow], column: String) -> LeftOut {
    let place = features::levels(definition).position(|one| one.name == column);
    let levels = rows.iter().filter_map(|row| row.levels.get(place?));
    let levels: BTreeSet<&String> = levels.collect();
    LeftOut {
        levels: levels.into_iter().cloned().collect(),
        column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINITION: &str = r#"
        record = { name = "bird", key = "id" }
        measured = { topic = "a" }
        actual = { topic = "b" }
        predicted = { topic = "c" }
        model = { formula = "mass ~ length + species + island", group = "species", first-rows = "f.csv" }
        rows = { topic = "d", trigger = "e", database = "x", collection = "y" }
        [columns]
        length = { field = "length" }
        mass = { field = "mass" }
        species = { field = "species", category = true }
        island = { field = "island", category = true }
    "#;

    #[test]
    fn a_category_that_another_one_determines_is_left_out() {
        let definition = Definition::parse(DEFINITION).unwrap();
        let rows = (0..40_u32).map(|number| {
            let species = if number % 3 == 0 { "gentoo" } else { "adelie" };
            let island = if number % 3 == 0 { "biscoe" } else { "dream" };
            let length = 180.0 + f64::from(number);
            let mass = 20.0 * length + f64::from(number * number % 7);
            TrainingRow {
                row_id: format!("line {number}"),
                levels: [species, island].map(str::to_owned).into(),
                numbers: [length].into(),
                target: if species == "gentoo" {
                    mass + 900.0
                } else {
                    mass
                },
                timestamp: None,
            }
        });
        let rows: Vec<_> = rows.collect();
        let skipped = Skipped::default();
        let now = EventTime::now();
        let version = train_version(&definition, rows, &skipped, Cause::initial(), now).unwrap();
        let [left_out] = version.info.left_out.as_slice() else {
            panic!("{:?}", version.info.left_out)
        };
        assert_eq!(left_out.column, "island");
        assert_eq!(left_out.levels, ["biscoe", "dream"]);
        let model = &version.info.model;
        let predicted = |species| model.predict(&[200.0], &[species, "biscoe"]).unwrap().value;
        assert!((predicted("gentoo") - predicted("adelie") - 900.0).abs() < 5.0);
    }

    #[test]
    fn rows_without_a_second_one_of_a_level_are_fitted_without_levels() {
        let text = DEFINITION.replace("species + island", "(1 | species)");
        let definition = Definition::parse(&text).unwrap();
        let rows = (0..40_u32).map(|number| TrainingRow {
            row_id: format!("line {number}"),
            levels: [format!("species {number}")].into(),
            numbers: [180.0 + f64::from(number)].into(),
            target: 4000.0 + 20.0 * f64::from(number) + f64::from(number * number % 7),
            timestamp: None,
        });
        let (skipped, now) = (Skipped::default(), EventTime::now());
        let rows = rows.collect();
        let version = train_version(&definition, rows, &skipped, Cause::initial(), now).unwrap();
        let [left_out] = version.info.left_out.as_slice() else {
            panic!("{:?}", version.info.left_out)
        };
        assert_eq!((&*left_out.column, left_out.levels.len()), ("species", 40));
        let predicted = version
            .info
            .model
            .predict(&[200.0], &["species 3"])
            .unwrap();
        assert!((predicted.value - 4400.0).abs() < 10.0);
        assert!(!predicted.unseen.is_empty());
    }
}
