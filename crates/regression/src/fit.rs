//! From a formula and a table to a [`FittedModel`], with the guards that linfa does not have.

use crate::{
    design::{DesignMatrix, Inputs},
    formula::Formula,
    least_squares::LinearFit,
    leave_one_out,
    model::FittedModel,
    table::{Column, Table},
    terms::{self, Scope, Term},
};

/// Why there is no model of these rows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// The formula names a column that the table does not have.
    #[error("the formula names the column `{column}`, which is not in the table")]
    MissingColumn {
        /// The name.
        column: String,
    },
    /// The response is a column of texts.
    #[error("the response `{column}` is a column of texts; it must be numeric")]
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
    /// A factor's text is empty, which cannot be told from a missing value.
    #[error("column `{column}`, row {}: an empty text cannot be a level", row + 1)]
    EmptyLevel {
        /// The column.
        column: String,
        /// The row, counted from 0 (from 1 in the message).
        row: usize,
    },
    /// There must be at least one row more than columns, else no error can be estimated.
    #[error(
        "{rows} rows are too few for the {columns} columns of the design matrix: at least {} are needed",
        columns + 1
    )]
    TooFewRows {
        /// Rows in the table.
        rows: usize,
        /// Columns of the design matrix, the intercept's included.
        columns: usize,
    },
    /// All values of a column are equal (as far as R's tolerance of 1e-7 can tell).
    #[error(
        "column `{column}` is constant: take rows in which it varies, or remove it from the formula"
    )]
    ConstantColumn {
        /// The column of the design matrix, or the response.
        column: String,
    },
    /// A column is a linear combination of others (as far as R's tolerance of 1e-7 can tell).
    #[error(
        "column `{column}` is determined by {}: remove it from the formula, or take rows in which it varies on its own",
        quoted(on)
    )]
    DependentColumn {
        /// The column of the design matrix.
        column: String,
        /// The columns that determine it.
        on: Vec<String>,
    },
    /// The numbers of a column are too large to compute with.
    #[error("the numbers in column `{column}` are too large to compute with: use a larger unit")]
    Overflow {
        /// The column.
        column: String,
    },
    /// The solver failed, or answered with something that is not finite.
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
/// A factor that has only one level in the rows has no effect on the fit. Where a factor has more,
/// the model also carries the pooled fit, that of the formula without its factors, which answers for
/// a level that is not in the rows.
///
/// # Errors
/// See [`FitError`]. R would go on where this refuses: it drops rows with missing values and
/// coefficients of dependent columns, and fits as many rows as columns exactly.
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
        left_out: leave_one_out::decide(&full_left_out, &pooled_left_out, response),
    })
}

/// A fit of the terms in scope and, for each row, the prediction without it where there is one.
fn solve(
    terms: &[Term],
    scope: Scope,
    inputs: &Inputs<'_>,
    response: &[f64],
) -> Result<(LinearFit, Vec<Option<f64>>), FitError> {
    let design = DesignMatrix::new(terms, scope, inputs, response.len());
    let fit = LinearFit::solve(&design, response)?;
    let left_out = fit.left_out(&design.rows, response).collect();
    Ok((fit, left_out))
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

/// Looks the formula's terms up in a table that has rows.
pub(crate) fn resolve_terms<'a>(
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
