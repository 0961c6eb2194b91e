//! A formula's columns, read from a table and checked.

use std::collections::BTreeSet;

use super::FitError;
use crate::{
    formula::{Formula, Operand},
    function::{Function, OutsideDomain},
    table::{Column, Table},
    variables::{MAX_FACTORS, Row, Variable, Variables},
};

/// The rows to fit to.
pub(super) struct Data {
    pub(super) variables: Variables,
    /// The inputs of each row.
    pub(super) rows: Vec<Row>,
}

/// The responses of the rows.
pub(super) struct Response {
    /// In the response's unit.
    pub(super) observed: Vec<f64>,
    /// With the response's function applied.
    pub(super) transformed: Vec<f64>,
}

impl Response {
    pub(super) fn read(formula: &Formula, table: &Table) -> Result<Self, FitError> {
        let operand = formula.response_operand();
        let name = formula.response();
        match column(name, table)? {
            Column::Text(_) => Err(FitError::TextResponse {
                column: name.to_owned(),
            }),
            Column::Numeric(observed) => {
                finite(name, observed)?;
                let transformed = observed
                    .iter()
                    .enumerate()
                    .map(|(row, y)| apply(operand, row, *y))
                    .collect::<Result<_, _>>()?;
                Ok(Self {
                    observed: observed.clone(),
                    transformed,
                })
            }
        }
    }
}

impl Data {
    /// Reads the columns of a table that has rows.
    pub(super) fn read(formula: &Formula, table: &Table) -> Result<Self, FitError> {
        let mut list = Vec::new();
        let (mut numerics, mut factors) = (Vec::new(), Vec::new());
        for name in formula.variables() {
            match column(name, table)? {
                Column::Numeric(_) if formula.group() == Some(name) => {
                    return Err(FitError::NumericGroup {
                        column: name.to_owned(),
                    });
                }
                Column::Numeric(values) => {
                    finite(name, values)?;
                    list.push(Variable::Numeric(name.to_owned()));
                    numerics.push(values);
                }
                Column::Text(values) => {
                    list.push(Variable::Factor {
                        name: name.to_owned(),
                        levels: levels(name, values)?,
                    });
                    factors.push(values);
                }
            }
        }
        if factors.len() > MAX_FACTORS {
            return Err(FitError::TooManyFactors {
                factors: factors.len(),
            });
        }
        for operand in formula.structure().operands {
            let is_text = factor_names(&list).any(|name| name == operand.name);
            if is_text && operand.function != Function::Identity {
                return Err(FitError::TextInFunction {
                    column: operand.name.clone(),
                    function: operand.to_string(),
                });
            }
        }
        let variables = Variables::new(formula, list)
            .ok_or_else(|| FitError::Solver("the formula does not match its columns".to_owned()))?;
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        let mut rows = Vec::with_capacity(table.rows());
        for index in 0..table.rows() {
            numbers.clear();
            numbers.extend(numerics.iter().map(|column| column[index]));
            texts.clear();
            texts.extend(factors.iter().map(|column| column[index].as_str()));
            let row =
                variables
                    .row(&numbers, &texts)
                    .map_err(|outside| FitError::OutsideDomain {
                        row: index,
                        outside,
                    })?;
            let mut values = variables.value_names(str::to_owned).zip(&row.values);
            if let Some((column, _)) = values.find(|(_, value)| !value.is_finite()) {
                return Err(FitError::Overflow { column });
            }
            rows.push(row);
        }
        Ok(Self { variables, rows })
    }
}

fn factor_names(list: &[Variable]) -> impl Iterator<Item = &str> {
    list.iter()
        .filter(|variable| matches!(variable, Variable::Factor { .. }))
        .map(Variable::name)
}

fn column<'a>(name: &str, table: &'a Table) -> Result<&'a Column, FitError> {
    table.column(name).ok_or_else(|| FitError::MissingColumn {
        column: name.to_owned(),
    })
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

/// The distinct values in byte order.
fn levels(name: &str, values: &[String]) -> Result<Vec<String>, FitError> {
    if let Some(row) = values.iter().position(String::is_empty) {
        return Err(FitError::EmptyLevel {
            column: name.to_owned(),
            row,
        });
    }
    let distinct: BTreeSet<&String> = values.iter().collect();
    Ok(distinct.into_iter().cloned().collect())
}

/// The response's function of one value.
fn apply(operand: &Operand, row: usize, y: f64) -> Result<f64, FitError> {
    if !operand.function.accepts(y) {
        return Err(FitError::OutsideDomain {
            row,
            outside: OutsideDomain {
                function: operand.function,
                column: operand.name.clone(),
                value: y,
            },
        });
    }
    let value = operand.function.apply(y);
    if value.is_finite() {
        Ok(value)
    } else {
        Err(FitError::Overflow {
            column: operand.to_string(),
        })
    }
}
