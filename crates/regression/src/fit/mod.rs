//! From a formula and a table to a [`FittedModel`], with checks that linfa does not make.

mod data;
mod design;
mod least_squares;
mod mixed;

use data::{Data, Response};
use design::DesignMatrix;

use crate::{
    formula::Formula,
    function::OutsideDomain,
    layout::Layout,
    model::{Fit, FittedModel, formula_without, scopes},
    table::Table,
    variables::{MAX_FACTORS, Row, UnseenFactors},
};

/// Why a formula cannot be fitted to a table.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    /// The formula names a column that the table does not have.
    #[error("column `{column}` of the formula is not in the table")]
    MissingColumn {
        /// The name.
        column: String,
    },
    /// The response is a text column.
    #[error("the response `{column}` is a text column, expected numbers")]
    TextResponse {
        /// The response.
        column: String,
    },
    /// The table has no rows.
    #[error("there are no rows to train on")]
    NoRows,
    /// A number is NaN or infinite.
    #[error("column `{column}`, row {}: not a finite number", row + 1)]
    NotFinite {
        /// The column.
        column: String,
        /// The row, counted from 0 (from 1 in the message).
        row: usize,
    },
    /// A level is empty, which is indistinguishable from a missing value.
    #[error("column `{column}`, row {}: a level cannot be empty", row + 1)]
    EmptyLevel {
        /// The column.
        column: String,
        /// The row, counted from 0 (from 1 in the message).
        row: usize,
    },
    /// A function is applied to a text column.
    #[error("`{column}` is a text column, expected numbers: the formula uses {function}")]
    TextInFunction {
        /// The column.
        column: String,
        /// The function of the column, as in the formula.
        function: String,
    },
    /// The column in `(1 | column)` has numbers.
    #[error(
        "`{column}` has numbers, but the formula uses `(1 | {column})`: expected text, one level per group"
    )]
    NumericGroup {
        /// The column.
        column: String,
    },
    /// Each row has a level of its own, so group effects and residuals cannot be told apart.
    #[error(
        "each row has its own `{column}`, so `(1 | {column})` cannot be estimated: remove it, or use rows that share levels"
    )]
    GroupPerRow {
        /// The column.
        column: String,
    },
    /// A number is outside the domain of a function in the formula, such as the logarithm.
    #[error("row {}: {outside}", row + 1)]
    OutsideDomain {
        /// The row, counted from 0 (from 1 in the message).
        row: usize,
        /// The function, the column and the number.
        outside: OutsideDomain,
    },
    /// The formula has more than 64 factors.
    #[error("the formula has {factors} text columns, expected at most {MAX_FACTORS}")]
    TooManyFactors {
        /// The number of text columns.
        factors: usize,
    },
    /// An interaction of factors contains the columns of another term.
    #[error(
        "the columns of `{term}` add up to those of `{other}`, so the coefficients are not unique: write \
         `{}`, or leave out the intercept (`0 +`)",
        term.replace(':', " * ")
    )]
    Repetition {
        /// The interaction.
        term: String,
        /// The other term.
        other: String,
    },
    /// There must be more rows than columns, so that the error can be estimated.
    #[error(
        "{rows} rows are too few for the {columns} columns of the design matrix: at least {} are needed",
        columns + 1
    )]
    TooFewRows {
        /// Rows in the table.
        rows: usize,
        /// Columns of the design matrix, including the intercept's.
        columns: usize,
    },
    /// All values of a column are equal, within R's tolerance of 1e-7.
    #[error(
        "column `{column}` is constant: use rows in which it varies, or remove it from the formula"
    )]
    ConstantColumn {
        /// The column of the design matrix, or the response.
        column: String,
    },
    /// A column is a linear combination of others, within R's tolerance of 1e-7.
    #[error(
        "column `{column}` is determined by {}: remove it from the formula, or use rows in which it varies independently",
        quoted(on)
    )]
    DependentColumn {
        /// The column of the design matrix.
        column: String,
        /// The columns that determine it.
        on: Vec<String>,
    },
    /// The numbers of a column overflow.
    #[error("the numbers in column `{column}` are too large to compute with: use a larger unit")]
    Overflow {
        /// The column.
        column: String,
    },
    /// The solver failed or returned a value that is not finite.
    #[error("the least squares problem could not be solved: {0}")]
    Solver(String),
}

fn solver_error() -> FitError {
    FitError::Solver("the values are too large or too small to compute with".to_owned())
}

fn quoted(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Fits `formula` to the rows of `table` by least squares, as R's `lm` does.
///
/// A factor with one level in the rows has no effect on the fit. If a factor has more levels, the model
/// also contains the fit in which all its levels are alike, such as `weight ~ length` for
/// `weight ~ length * origin`. That fit predicts for levels that the rows do not contain. There is such
/// a fit for each set of up to three factors; with more factors, there is one fit without all of them.
///
/// With random intercepts, `(1 | group)`, the fit is lme4's `lmer` by restricted maximum likelihood. For
/// an unseen group it predicts the population's line.
///
/// # Errors
/// See [`FitError`]. In some of these cases R continues: it drops rows with missing values and
/// coefficients of dependent columns, and it fits as many rows as columns exactly.
pub fn fit(formula: &Formula, table: &Table) -> Result<FittedModel, FitError> {
    let Prepared {
        response,
        data,
        layouts,
    } = Prepared::new(formula, table)?;
    let columns = layouts[0].width();
    if table.rows() <= columns {
        return Err(FitError::TooFewRows {
            rows: table.rows(),
            columns,
        });
    }
    let y = &response.transformed;
    if y.iter().all(|value| *value == y[0]) {
        return Err(FitError::ConstantColumn {
            column: formula.response_operand().to_string(),
        });
    }
    if let Some(group) = formula.group() {
        let mut factors = data.variables.factors();
        if factors.any(|(name, levels)| name == group && levels.len() == table.rows()) {
            return Err(FitError::GroupPerRow {
                column: group.to_owned(),
            });
        }
    }
    let fits = layouts
        .into_iter()
        .map(|layout| {
            let design = DesignMatrix::new(layout, &data)?;
            let mut linear = least_squares::solve(&design, y)?;
            if let Some(group) = design.layout.group {
                let levels: Vec<usize> = data.rows.iter().map(|row| row.levels[group]).collect();
                let groups = levels.iter().max().map_or(0, |level| level + 1);
                linear = mixed::add_random_intercepts(linear, &design.rows, &levels, groups, y)?;
            }
            let layout = design.layout;
            Ok(Fit { layout, linear })
        })
        .collect::<Result<_, _>>()?;
    let mut model = FittedModel {
        formula: formula.clone(),
        variables: data.variables,
        fits,
        observed: response.observed,
        left_out: Vec::new(),
    };
    model.left_out = leave_one_out(&model, &data.rows, y);
    if model.left_out.iter().all(|value| value.is_finite()) {
        Ok(model)
    } else {
        Err(solver_error())
    }
}

/// The number of columns of the design matrix that [`fit()`] makes: coefficients to estimate.
///
/// # Errors
/// As [`fit()`], if the formula does not match the table.
pub fn design_columns(formula: &Formula, table: &Table) -> Result<usize, FitError> {
    Ok(Prepared::new(formula, table)?.layouts[0].width())
}

/// A table's rows, and the layout of each fit.
struct Prepared {
    response: Response,
    data: Data,
    layouts: Vec<Layout>,
}

impl Prepared {
    fn new(formula: &Formula, table: &Table) -> Result<Self, FitError> {
        if table.rows() == 0 {
            return Err(FitError::NoRows);
        }
        let response = Response::read(formula, table)?;
        let data = Data::read(formula, table)?;
        let mut layouts = Vec::new();
        for scope in scopes(formula, &data.variables) {
            let formula = formula_without(formula, &data.variables, &scope);
            let layout = Layout::new(&formula, &data.variables).ok_or_else(|| {
                FitError::Solver("the formula does not match its columns".to_owned())
            })?;
            if let Some((term, other)) = layout.repetition(&formula) {
                return Err(FitError::Repetition { term, other });
            }
            layouts.push(layout);
        }
        Ok(Self {
            response,
            data,
            layouts,
        })
    }
}

/// For each row the first defined prediction without it, in the response's unit: of the full fit, of
/// the fit without the factors whose levels only this row has, of the fit without factors, or the mean
/// of the other rows.
fn leave_one_out(model: &FittedModel, rows: &[Row], y: &[f64]) -> Vec<f64> {
    let others = (y.len() - 1) as f64;
    let sum: f64 = y.iter().sum();
    let counts = level_counts(model, rows);
    let left_out = |fit: &Fit, index: usize| {
        let (row, level) = (fit.row(&rows[index]), fit.level(&rows[index]));
        least_squares::left_out(&fit.linear, &row, level, y[index], fit.linear.fitted[index])
    };
    let value = |index: usize| {
        left_out(model.full(), index)
            .or_else(|| {
                let mut unseen = UnseenFactors::default();
                for (factor, level) in rows[index].levels.iter().enumerate() {
                    if counts[factor][*level] == 1 {
                        unseen.insert(factor);
                    }
                }
                left_out(model.fit_for(unseen), index)
            })
            .or_else(|| left_out(model.pooled(), index))
            .unwrap_or((sum - y[index]) / others)
    };
    let function = model.formula.response_operand().function;
    (0..rows.len())
        .map(|index| function.inverse(value(index)))
        .collect()
}

/// For each factor the number of rows of each level.
fn level_counts(model: &FittedModel, rows: &[Row]) -> Vec<Vec<usize>> {
    let mut counts: Vec<Vec<usize>> = model
        .factors()
        .map(|(_, levels)| vec![0; levels.len()])
        .collect();
    for row in rows {
        for (counts, level) in counts.iter_mut().zip(&row.levels) {
            counts[*level] += 1;
        }
    }
    counts
}
