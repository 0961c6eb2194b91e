//! From a formula and a table to a [`FittedModel`], with checks that linfa does not make.

mod design;
mod least_squares;

use design::DesignMatrix;

use crate::{
    formula::Formula,
    linear_fit::LinearFit,
    model::FittedModel,
    table::{Column, Table},
    terms::{self, Inputs, Scope, Term},
};

/// Why a formula cannot be fitted to a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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

fn quoted(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Fits `formula` to the rows of `table` by least squares, as R's `lm` does.
///
/// A factor with one level in the rows has no effect on the fit. If a factor has more levels, the
/// model also contains the pooled fit, which is the fit of the formula without its factors. The pooled
/// fit predicts for levels that the rows do not contain.
///
/// # Errors
/// See [`FitError`]. In some of these cases R continues: it drops rows with missing values and
/// coefficients of dependent columns, and it fits as many rows as columns exactly.
pub fn fit(formula: &Formula, table: &Table) -> Result<FittedModel, FitError> {
    if table.rows() == 0 {
        return Err(FitError::NoRows);
    }
    let response = response(formula.response(), table)?;
    let (terms, inputs) = resolve_terms(formula, table)?;
    let columns = terms::width(&terms, Scope::Full);
    if table.rows() <= columns {
        return Err(FitError::TooFewRows {
            rows: table.rows(),
            columns,
        });
    }
    if response.iter().all(|value| *value == response[0]) {
        return Err(FitError::ConstantColumn {
            column: formula.response().to_owned(),
        });
    }

    let (full, full_left_out) = solve(&terms, Scope::Full, &inputs, response)?;
    let (pooled, pooled_left_out) = if columns > terms::width(&terms, Scope::Pooled) {
        let (fit, left_out) = solve(&terms, Scope::Pooled, &inputs, response)?;
        (Some(fit), left_out)
    } else {
        (None, full_left_out.clone())
    };
    Ok(FittedModel {
        response: formula.response().to_owned(),
        terms,
        full,
        pooled,
        observed: response.to_vec(),
        left_out: leave_one_out(&full_left_out, &pooled_left_out, response),
    })
}

/// A fit of the terms in scope and, for each row, the prediction of the fit without it, if defined.
fn solve(
    terms: &[Term],
    scope: Scope,
    inputs: &Inputs<'_>,
    response: &[f64],
) -> Result<(LinearFit, Vec<Option<f64>>), FitError> {
    let design = DesignMatrix::new(terms, scope, inputs, response.len());
    let fit = least_squares::solve(&design, response)?;
    let left_out = least_squares::left_out(&fit, &design.rows, response);
    Ok((fit, left_out))
}

/// For each row the first defined prediction: of the full fit, of the pooled fit, or the mean of the
/// other rows.
fn leave_one_out(full: &[Option<f64>], pooled: &[Option<f64>], response: &[f64]) -> Vec<f64> {
    let others = (response.len() - 1) as f64;
    let sum: f64 = response.iter().sum();
    full.iter()
        .zip(pooled)
        .zip(response)
        .map(|((full, pooled), y)| full.or(*pooled).unwrap_or((sum - y) / others))
        .collect()
}

fn response<'a>(name: &str, table: &'a Table) -> Result<&'a [f64], FitError> {
    match table.column(name) {
        None => Err(FitError::MissingColumn {
            column: name.to_owned(),
        }),
        Some(Column::Text(_)) => Err(FitError::TextResponse {
            column: name.to_owned(),
        }),
        Some(Column::Numeric(values)) => finite(name, values).map(|()| values.as_slice()),
    }
}

/// Resolves the formula's terms against the columns of a table that has rows.
fn resolve_terms<'a>(
    formula: &Formula,
    table: &'a Table,
) -> Result<(Vec<Term>, Inputs<'a>), FitError> {
    let mut terms = Vec::new();
    let mut inputs = Inputs::default();
    for name in formula.terms() {
        match table.column(name) {
            None => {
                return Err(FitError::MissingColumn {
                    column: name.to_owned(),
                });
            }
            Some(Column::Numeric(values)) => {
                finite(name, values)?;
                let center = values.iter().sum::<f64>() / values.len() as f64;
                if !center.is_finite() {
                    return Err(FitError::Overflow {
                        column: name.to_owned(),
                    });
                }
                terms.push(Term::Numeric {
                    name: name.to_owned(),
                    center,
                });
                inputs.numerics.push(values);
            }
            Some(Column::Text(values)) => {
                if let Some(row) = values.iter().position(String::is_empty) {
                    return Err(FitError::EmptyLevel {
                        column: name.to_owned(),
                        row,
                    });
                }
                let mut levels = values.clone();
                levels.sort_unstable();
                levels.dedup();
                terms.push(Term::Factor {
                    name: name.to_owned(),
                    levels,
                });
                inputs.factors.push(values);
            }
        }
    }
    Ok((terms, inputs))
}

fn finite(name: &str, values: &[f64]) -> Result<(), FitError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(FitError::NotFinite {
            column: name.to_owned(),
            row,
        }),
        None => Ok(()),
    }
}
