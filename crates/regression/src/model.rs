//! The fitted model: one fit with all factors, and fits for rows with unseen levels.

use serde::{Deserialize, Serialize};

use crate::{
    formula::Formula,
    layout::{Layout, SparseRow},
    linear_fit::LinearFit,
    stored::Stored,
    variables::{Row, UnseenFactors, Variable, Variables},
};

/// Up to this many factors, there is a fit for each set of factors with unseen levels. With more, one
/// fit without any factor serves all of these sets.
const MAX_SEPARATE_FACTORS: usize = 3;

/// A fitted linear model, made by `fit` and used to predict.
///
/// The serialized form suits document stores: it has no maps with variable keys, no nested arrays,
/// and only finite numbers. A deserialized model predicts the same values bit for bit if the format
/// preserves doubles, as BSON does, and serde_json with its feature `float_roundtrip`. Deserializing
/// checks that the parts are consistent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct FittedModel {
    pub(crate) formula: Formula,
    pub(crate) variables: Variables,
    /// In the order of [`scopes`]: the full fit first, the fit without factors last.
    pub(crate) fits: Vec<Fit>,
    /// The training rows' responses, in the response's unit.
    pub(crate) observed: Vec<f64>,
    /// The training rows' leave-one-out predictions, in the response's unit.
    pub(crate) left_out: Vec<f64>,
}

/// A fit of the formula without some of its factors.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fit {
    pub(crate) layout: Layout,
    pub(crate) linear: LinearFit,
}

impl Fit {
    pub(crate) fn row(&self, row: &Row) -> SparseRow {
        self.layout.row(row, &self.linear.centers)
    }

    /// The level of the factor that has random intercepts.
    pub(crate) fn level(&self, row: &Row) -> Option<usize> {
        self.layout.group.map(|group| row.levels[group])
    }
}

/// A deserialized model is inconsistent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a fitted model: {0}")]
pub struct InvalidModel(pub(crate) &'static str);

impl FittedModel {
    /// The formula passed to `fit`; the inputs of a prediction follow the order of its columns.
    #[must_use]
    pub fn formula(&self) -> Formula {
        self.formula.clone()
    }

    /// The formula without the factors that have one level in the training rows and thus no effect.
    #[must_use]
    pub fn fitted_formula(&self) -> Formula {
        formula_without(&self.formula, &self.variables, &[])
    }

    /// The columns that a prediction needs, in the order of their first appearance in the formula.
    #[must_use]
    pub fn variables(&self) -> &[Variable] {
        self.variables.list()
    }

    /// The names of the numeric columns, in the order of the formula.
    pub fn numerics(&self) -> impl Iterator<Item = &str> {
        self.variables.numerics()
    }

    /// The names of the factors in the order of the formula, each with its levels in byte order.
    pub fn factors(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.variables.factors()
    }

    /// The number of training rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.observed.len()
    }

    pub(crate) fn full(&self) -> &Fit {
        &self.fits[0]
    }

    pub(crate) fn pooled(&self) -> &Fit {
        &self.fits[self.fits.len() - 1]
    }

    /// The fit for rows in which the levels of these factors are unseen.
    pub(crate) fn fit_for(&self, unseen: UnseenFactors) -> &Fit {
        if unseen.is_empty() || self.fits.len() == 1 {
            return self.full();
        }
        &self.fits[scope_index(&self.formula, &self.variables, unseen)]
    }

    /// The response with the function that the fit applies to it.
    pub(crate) fn transformed(&self) -> impl Iterator<Item = f64> {
        let function = self.formula.response_operand().function;
        self.observed.iter().map(move |y| function.apply(*y))
    }
}

/// The indices of the factors that have fixed effects, because they have more than one level and no
/// random intercepts.
fn fixed_factors(formula: &Formula, variables: &Variables) -> impl Iterator<Item = usize> {
    variables
        .factors()
        .enumerate()
        .filter(|(_, (name, levels))| levels.len() > 1 && Some(*name) != formula.group())
        .map(|(index, _)| index)
}

/// For each fit of a model, the indices of the factors that it leaves out: none; then, for up to three
/// factors, each set of them in the order of a binary counter; else all.
pub(crate) fn scopes(formula: &Formula, variables: &Variables) -> Vec<Vec<usize>> {
    let factors: Vec<usize> = fixed_factors(formula, variables).collect();
    if factors.len() > MAX_SEPARATE_FACTORS {
        return vec![Vec::new(), factors];
    }
    (0..1_usize << factors.len())
        .map(|set| {
            let chosen = factors
                .iter()
                .enumerate()
                .filter(|(bit, _)| set >> bit & 1 == 1);
            chosen.map(|(_, factor)| *factor).collect()
        })
        .collect()
}

/// The index of the fit without the factors in `unseen`, for a model with several fits.
fn scope_index(formula: &Formula, variables: &Variables, unseen: UnseenFactors) -> usize {
    let (mut set, mut count) = (0, 0);
    for factor in fixed_factors(formula, variables) {
        // Beyond three factors only whether the set is empty counts.
        set |= usize::from(unseen.contains(factor)) << count.min(MAX_SEPARATE_FACTORS);
        count += 1;
    }
    if count > MAX_SEPARATE_FACTORS {
        usize::from(set > 0)
    } else {
        set
    }
}

/// The formula without these factors and without those that have one level.
pub(crate) fn formula_without(
    formula: &Formula,
    variables: &Variables,
    factors: &[usize],
) -> Formula {
    let names: Vec<&str> = variables
        .factors()
        .enumerate()
        .filter(|(index, (_, levels))| levels.len() < 2 || factors.contains(index))
        .map(|(_, (name, _))| name)
        .collect();
    formula.without(&names)
}
