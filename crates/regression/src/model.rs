//! The fitted model: the full fit and the pooled fit of the same rows, and the serialized form.

use serde::{Deserialize, Serialize};

use crate::{
    formula::Formula,
    linear_fit::LinearFit,
    terms::{self, Scope, Term},
};

/// A fitted linear model, made by `fit` and used to predict.
///
/// The serialized form suits document stores: it has no maps with variable keys, no nested arrays,
/// and only finite numbers. A deserialized model predicts the same values bit for bit if the format
/// preserves doubles, as BSON does, and serde_json with its feature `float_roundtrip`. Deserializing
/// checks that the parts are consistent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct FittedModel {
    pub(crate) response: String,
    pub(crate) terms: Vec<Term>,
    pub(crate) full: LinearFit,
    /// `None` if it equals `full`, that is, if no factor has two levels.
    pub(crate) pooled: Option<LinearFit>,
    /// The training rows' responses.
    pub(crate) observed: Vec<f64>,
    /// The training rows' leave-one-out predictions.
    pub(crate) left_out: Vec<f64>,
}

/// A deserialized model is inconsistent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a fitted model: {0}")]
pub struct InvalidModel(&'static str);

impl FittedModel {
    /// The formula passed to `fit`; the inputs of a prediction follow its order.
    #[must_use]
    pub fn formula(&self) -> Formula {
        Formula::from_checked(&self.response, self.terms.iter().map(Term::name))
    }

    /// The formula without the factors that have one level in the training rows and thus no effect.
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

    /// The number of training rows.
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
            return Err(InvalidModel("its column names do not form a formula"));
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
            return Err(InvalidModel(
                "its row counts differ, or a value is not finite",
            ));
        }
        let (width, pooled_width) = (
            terms::width(&terms, Scope::Full),
            terms::width(&terms, Scope::Pooled),
        );
        if !full.is_valid_for(width, rows) {
            return Err(InvalidModel("its fit does not match its terms"));
        }
        let pooled_is_valid = match &pooled {
            Some(pooled) => width > pooled_width && pooled.is_valid_for(pooled_width, rows),
            None => width == pooled_width,
        };
        if !pooled_is_valid {
            return Err(InvalidModel(
                "its pooled fit is missing or does not match its terms",
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
