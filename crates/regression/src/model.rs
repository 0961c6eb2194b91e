//! The fitted model: what it was fitted to, the fit, and the pooled fit of the same rows.

use serde::{Deserialize, Serialize};

use crate::{
    formula::Formula,
    least_squares::LinearFit,
    terms::{self, Scope, Term},
};

/// A linear model that can only predict, made by [`fit`](crate::fit()).
///
/// Serialized it has no maps with names as keys, no arrays within arrays and only finite numbers,
/// so that document stores take it. Read back, it predicts the same bit for bit, provided that the
/// format keeps doubles: BSON does, serde_json with its feature `float_roundtrip`. Deserializing
/// checks that what is read fits together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct FittedModel {
    pub(crate) response: String,
    pub(crate) terms: Vec<Term>,
    pub(crate) full: LinearFit,
    /// Only where it differs from `full`, which is where a factor has two levels or more.
    pub(crate) pooled: Option<LinearFit>,
    /// The rows' responses.
    pub(crate) observed: Vec<f64>,
    /// The rows' leave-one-out predictions.
    pub(crate) left_out: Vec<f64>,
}

/// What was read is not a model that [`fit`](crate::fit()) could have made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a fitted model: {0}")]
pub struct InvalidModel(&'static str);

impl FittedModel {
    /// The formula that was asked for; the inputs of a prediction follow its order.
    #[must_use]
    pub fn formula(&self) -> Formula {
        Formula::from_checked(&self.response, self.terms.iter().map(Term::name))
    }

    /// The formula without the factors that had one level in the rows, which therefore have no effect.
    #[must_use]
    pub fn fitted_formula(&self) -> Formula {
        self.formula_in(Scope::Full)
    }

    pub(crate) fn formula_in(&self, scope: Scope) -> Formula {
        let terms = self.terms.iter().filter(|term| term.width(scope) > 0);
        Formula::from_checked(&self.response, terms.map(Term::name))
    }

    /// The names of the numeric terms, in the order of the formula.
    pub fn numeric_terms(&self) -> impl Iterator<Item = &str> {
        self.terms
            .iter()
            .filter(|term| matches!(term, Term::Numeric { .. }))
            .map(Term::name)
    }

    /// The names of the factors in the order of the formula, each with its levels in byte order.
    pub fn factors(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.terms.iter().filter_map(|term| match term {
            Term::Factor { name, levels } => Some((name.as_str(), levels.as_slice())),
            Term::Numeric { .. } => None,
        })
    }

    /// The number of rows that the model was fitted to.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.observed.len()
    }

    pub(crate) fn linear_fit(&self, scope: Scope) -> &LinearFit {
        match (scope, &self.pooled) {
            (Scope::Pooled, Some(pooled)) => pooled,
            _ => &self.full,
        }
    }
}

#[derive(Deserialize)]
struct Unchecked {
    response: String,
    terms: Vec<Term>,
    full: LinearFit,
    pooled: Option<LinearFit>,
    observed: Vec<f64>,
    left_out: Vec<f64>,
}

impl TryFrom<Unchecked> for FittedModel {
    type Error = InvalidModel;

    fn try_from(read: Unchecked) -> Result<Self, InvalidModel> {
        let Unchecked {
            response,
            terms,
            full,
            pooled,
            observed,
            left_out,
        } = read;
        let rows = observed.len();
        if Formula::new(&response, terms.iter().map(Term::name)).is_err() {
            return Err(InvalidModel("the names of its columns make no formula"));
        }
        if !terms.iter().all(Term::is_valid) {
            return Err(InvalidModel(
                "a factor's levels are missing or out of order, or a centre is not finite",
            ));
        }
        if left_out.len() != rows
            || !observed
                .iter()
                .chain(&left_out)
                .all(|value| value.is_finite())
        {
            return Err(InvalidModel("its rows do not fit together"));
        }
        let (width, pooled_width) = (
            terms::width(&terms, Scope::Full),
            terms::width(&terms, Scope::Pooled),
        );
        if !full.is_valid_for(width, rows) {
            return Err(InvalidModel("its fit does not have the terms' columns"));
        }
        let pooled_is_right = match &pooled {
            Some(pooled) => width > pooled_width && pooled.is_valid_for(pooled_width, rows),
            None => width == pooled_width,
        };
        if !pooled_is_right {
            return Err(InvalidModel(
                "its pooled fit is missing or does not have the terms' columns",
            ));
        }
        Ok(Self {
            response,
            terms,
            full,
            pooled,
            observed,
            left_out,
        })
    }
}
