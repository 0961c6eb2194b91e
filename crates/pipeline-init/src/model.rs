//! Formula, error and threshold, tried out on rows of the file.

use feed::rows::{Cell, FeedRow};
use pipeline::{Definition, ErrorKind};
use regression::{FitError, FittedModel, Formula, FormulaError, Table, fit};

use crate::levels::LevelSums;
use crate::stretches::Stretch;

/// A training needs this many rows for each column of the design matrix.
const ROWS_PER_COLUMN: usize = 3;
/// The threshold, as a multiple of the typical error.
const MARGIN: f64 = 2.0;
/// The smallest threshold of a relative error.
const SMALLEST: f64 = 0.05;

/// A formula and why columns are not in it.
#[derive(Clone, Debug, PartialEq)]
pub struct ChosenFormula {
    /// The columns.
    pub columns: Vec<String>,
    /// The column of `(1 | column)`.
    pub grouped: Option<String>,
    /// Columns that are not used, and why.
    pub dropped: Vec<(String, String)>,
}

/// Chooses the columns that explain most, as many as the rows of a training allow, and that can be fitted in
/// every stretch.
///
/// Of the `grouped` columns, the one that explains most in the whole file becomes `(1 | column)`.
pub fn choose(
    definition: &Definition,
    grouped: &[LevelSums],
    stretches: &[Stretch],
    first: usize,
) -> ChosenFormula {
    let all: Vec<&FeedRow> = stretches
        .iter()
        .flat_map(|one| one.train.iter().chain(&one.next))
        .collect();
    let candidates: Vec<String> = definition
        .inputs()
        .map(|column| column.name.clone())
        .collect();
    let mut ranked: Vec<(f64, &String)> = candidates
        .iter()
        .filter(|name| grouped.iter().all(|one| one.column != **name))
        .map(|name| (explained(definition, name, &all), name))
        .collect();
    ranked.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let rank = |name: &String| ranked.iter().position(|(_, other)| *other == name);
    let mut obstacles: Vec<(String, String)> = Vec::new();
    loop {
        let in_the_way = |name: &String| obstacles.iter().any(|(other, _)| other == name);
        let free = ranked.iter().filter(|(_, name)| !in_the_way(name));
        let (mut columns, mut dropped) = select(definition, free, &all, first);
        // In the order of the file.
        columns.sort_by_key(|name| candidates.iter().position(|other| other == name));
        let failed = stretches.iter().find_map(|stretch| {
            let obstacle = try_fit(definition, &columns, &stretch.train).err()??;
            // Of the columns that determine each other, the one that explains least.
            let name = obstacle.columns.into_iter().max_by_key(rank)?;
            let (from, to) = (
                stretch.first,
                stretch.first + stretch.train.len() as u64 - 1,
            );
            Some((
                name,
                format!("{} in the rows {from} to {to}", obstacle.reason),
            ))
        });
        match failed {
            Some(obstacle) => obstacles.push(obstacle),
            None => {
                dropped.extend(obstacles);
                let grouped = group(grouped, &mut dropped);
                return ChosenFormula {
                    columns,
                    grouped,
                    dropped,
                };
            }
        }
    }
}

/// The formula of these columns and of `(1 | grouped)`.
///
/// # Errors
/// A name cannot be part of a formula.
pub fn formula(
    target: &str,
    columns: &[String],
    grouped: Option<&String>,
) -> Result<Formula, FormulaError> {
    let formula = Formula::new(target, columns.iter().cloned())?;
    match grouped {
        None => Ok(formula),
        Some(grouped) => format!("{formula} + (1 | `{grouped}`)").parse(),
    }
}

/// The grouped column that explains most.
fn group(grouped: &[LevelSums], dropped: &mut Vec<(String, String)>) -> Option<String> {
    let mut ranked: Vec<(f64, &String)> = grouped
        .iter()
        .map(|sums| (sums.explained(), &sums.column))
        .collect();
    ranked.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let mut chosen: Option<&String> = None;
    for (explained, name) in ranked {
        let reason = if explained <= 0.0 {
            "its levels explain nothing".to_owned()
        } else if let Some(chosen) = chosen {
            let percent = explained * 100.0;
            format!("explains {percent:.0} %, less than `{chosen}`")
        } else {
            chosen = Some(name);
            continue;
        };
        dropped.push((name.clone(), reason));
    }
    chosen.cloned()
}

/// Fits the definition's formula. Rows of which each has a level of its own cannot have random intercepts: such a
/// model knows no level yet, as that of a training on these rows.
fn fit_rows(definition: &Definition, rows: &Table) -> Result<FittedModel, FitError> {
    match fit(&definition.formula, rows) {
        Err(FitError::GroupPerRow { .. }) => fit(&definition.formula.without_group(), rows),
        fitted => fitted,
    }
}

/// The columns that explain most, as many as the rows allow, and the others with the reason.
fn select<'a>(
    definition: &Definition,
    ranked: impl Iterator<Item = &'a (f64, &'a String)>,
    rows: &[&FeedRow],
    first: usize,
) -> (Vec<String>, Vec<(String, String)>) {
    let coefficients = first / ROWS_PER_COLUMN;
    let mut left = coefficients.saturating_sub(1);
    let (mut chosen, mut dropped) = (Vec::new(), Vec::new());
    for (explained, name) in ranked {
        let width = width(definition, name, rows);
        if width <= left {
            left -= width;
            chosen.push((*name).clone());
        } else {
            let percent = explained * 100.0;
            let reason = format!(
                "explains only {percent:.0} %, and {first} rows are enough for {coefficients} coefficients"
            );
            dropped.push(((*name).clone(), reason));
        }
    }
    (chosen, dropped)
}

/// Columns of which one must go, and why.
struct Obstacle {
    columns: Vec<String>,
    reason: String,
}

/// Fits the rows. `Err(None)`: the rows cannot be fitted whatever the columns.
fn try_fit(
    definition: &Definition,
    columns: &[String],
    rows: &[FeedRow],
) -> Result<FittedModel, Option<Obstacle>> {
    let target = &definition.target().name;
    let formula = Formula::new(target, columns.iter().cloned()).map_err(|_| None)?;
    let rows: Vec<&FeedRow> = rows.iter().collect();
    let error = match fit(&formula, &table(definition, &rows).ok_or(None)?) {
        Ok(model) => return Ok(model),
        Err(error) => error,
    };
    // The columns of a category's levels begin with its name.
    let of = |column: &String| {
        let names = columns
            .iter()
            .filter(|name| column.starts_with(name.as_str()));
        names.max_by_key(|name| name.len()).cloned()
    };
    let obstacle = |columns: Vec<String>, reason: &str| {
        let reason = reason.to_owned();
        (!columns.is_empty()).then_some(Obstacle { columns, reason })
    };
    Err(match &error {
        FitError::ConstantColumn { column } => {
            obstacle(of(column).into_iter().collect(), "constant")
        }
        FitError::DependentColumn { column, on } => {
            let mut all: Vec<String> = std::iter::once(column).chain(on).filter_map(of).collect();
            all.dedup();
            obstacle(all, "determined by other columns")
        }
        FitError::TooFewRows { .. } => {
            obstacle(columns.to_vec(), "one coefficient too many for the rows")
        }
        _ => None,
    })
}

/// The part of the target's variance that a column alone explains.
fn explained(definition: &Definition, name: &str, rows: &[&FeedRow]) -> f64 {
    let formula = Formula::new(&definition.target().name, [name]);
    let table = table(definition, rows);
    let model = formula
        .ok()
        .zip(table)
        .and_then(|(formula, table)| fit(&formula, &table).ok());
    model.map_or(0.0, |model| model.summary().r_squared)
}

/// The number of coefficients of a column.
fn width(definition: &Definition, name: &str, rows: &[&FeedRow]) -> usize {
    let index = definition
        .columns()
        .iter()
        .position(|column| column.name == *name);
    let cells = rows
        .iter()
        .filter_map(|row| row.cells.get(index?)?.as_ref());
    let mut levels: Vec<&str> = cells
        .filter_map(|cell| match cell {
            Cell::Level(level) => Some(level.as_str()),
            Cell::Number(_) => None,
        })
        .collect();
    levels.sort_unstable();
    levels.dedup();
    levels.len().saturating_sub(1).max(1)
}

/// The rows as a table; `None` if a value is missing.
pub fn table(definition: &Definition, rows: &[&FeedRow]) -> Option<Table> {
    let mut table = Table::new();
    let needed = |name: &String| {
        definition.inputs().any(|column| column.name == *name) || definition.target().name == *name
    };
    for (index, column) in definition.columns().iter().enumerate() {
        if !needed(&column.name) {
            continue;
        }
        let cells = rows.iter().map(|row| row.cells.get(index)?.as_ref());
        let added = if column.is_category() {
            let levels = cells.map(|cell| match cell? {
                Cell::Level(level) => Some(level.clone()),
                Cell::Number(_) => None,
            });
            table.with_text(&column.name, levels.collect::<Option<Vec<String>>>()?)
        } else {
            let numbers = cells.map(|cell| match cell? {
                Cell::Number(number) => Some(*number),
                Cell::Level(_) => None,
            });
            table.with_numeric(&column.name, numbers.collect::<Option<Vec<f64>>>()?)
        };
        table = added.ok()?;
    }
    Some(table)
}

/// The typical error and the threshold that suits it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The median of the mean errors of models on the rows after their training rows.
    pub typical: f64,
    /// A window with a greater mean error triggers a retraining.
    pub threshold: f64,
}

/// Measures the errors of the definition's formula.
///
/// # Errors
/// The rows of the first model cannot be fitted; the reason.
pub fn threshold(definition: &Definition, stretches: &[Stretch]) -> Result<Threshold, String> {
    let mut errors = Vec::new();
    for (index, stretch) in stretches.iter().enumerate() {
        let train: Vec<&FeedRow> = stretch.train.iter().collect();
        let table_of_train = table(definition, &train).ok_or("a value is missing")?;
        match fit_rows(definition, &table_of_train) {
            Ok(model) => errors.extend(mean_error(definition, &model, stretch)),
            Err(error) if index == 0 => {
                let rows = train.len();
                return Err(format!(
                    "the first {rows} rows cannot train the first model: {error}; use another formula, or more rows with --first"
                ));
            }
            Err(_) => {}
        }
    }
    errors.sort_unstable_by(f64::total_cmp);
    let typical = errors.get(errors.len() / 2).copied().unwrap_or_default();
    let smallest = match definition.error {
        ErrorKind::Relative => SMALLEST,
        ErrorKind::Absolute => f64::MIN_POSITIVE,
    };
    let threshold = rounded_up((typical * MARGIN).max(smallest));
    Ok(Threshold { typical, threshold })
}

/// The mean error on the rows after a stretch; on its own rows, each left out once, if there are none.
fn mean_error(definition: &Definition, model: &FittedModel, stretch: &Stretch) -> Option<f64> {
    let (rows, predicted) = if stretch.next.is_empty() {
        (&stretch.train, model.leave_one_out().to_vec())
    } else {
        let rows: Vec<&FeedRow> = stretch.next.iter().collect();
        let predictions = model.predict_table(&table(definition, &rows)?).ok()?;
        (
            &stretch.next,
            predictions.iter().map(|one| one.value).collect(),
        )
    };
    let index = definition
        .columns()
        .iter()
        .position(|column| column.name == definition.target().name)?;
    let errors = rows.iter().zip(&predicted).filter_map(|(row, predicted)| {
        let Some(Cell::Number(actual)) = row.cells.get(index)? else {
            return None;
        };
        let error = (predicted - actual).abs();
        Some(match definition.error {
            ErrorKind::Relative => error / actual.abs(),
            ErrorKind::Absolute => error,
        })
    });
    let sum: f64 = errors.sum();
    Some(sum / rows.len() as f64).filter(|mean| mean.is_finite())
}

/// The next greater round number: 0.13 -> 0.15.
fn rounded_up(value: f64) -> f64 {
    const STEPS: [f64; 10] = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let exponent = value.log10().floor();
    let scale = 10f64.powf(exponent);
    let step = STEPS
        .iter()
        .find(|step| **step >= value / scale - 1e-9)
        .unwrap_or(&10.0);
    // Through text, so that 0.15 has no further digits.
    format!("{step}e{exponent}").parse().unwrap_or(step * scale)
}

#[cfg(test)]
mod tests {
    use super::rounded_up;

    #[test]
    fn thresholds_are_round() {
        for (value, expected) in [
            (0.13, 0.15),
            (0.05, 0.05),
            (0.081, 0.1),
            (17.2, 20.0),
            (1.0, 1.0),
            (820.0, 1000.0),
        ] {
            assert_eq!(rounded_up(value), expected);
        }
    }
}
