//! A formula's terms, resolved against columns, and the rows of the design matrix.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A term of a fitted model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Term {
    /// One column, centred so that a large mean does not reduce the precision of fits and leverages.
    Numeric { name: String, center: f64 },
    /// A column of zeros and ones for each level after the first, which is the reference. Levels are
    /// in byte order. A factor with one level has no column and no effect on the fit.
    Factor { name: String, levels: Vec<String> },
}

/// The nonzero entries of one row of a design matrix: (column, value).
pub(crate) type SparseRow = SmallVec<[(usize, f64); 16]>;

/// Which terms a fit uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All terms.
    Full,
    /// The numeric terms. This is the pooled fit, which predicts for levels not in the training rows.
    Pooled,
}

impl Term {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Numeric { name, .. } | Self::Factor { name, .. } => name,
        }
    }

    /// Whether a factor's levels are distinct and in byte order, and a centre is finite.
    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Self::Numeric { center, .. } => center.is_finite(),
            Self::Factor { levels, .. } => !levels.is_empty() && levels.is_sorted_by(|a, b| a < b),
        }
    }

    /// The number of columns the term has in the design matrix.
    pub(crate) fn width(&self, scope: Scope) -> usize {
        match (self, scope) {
            (Self::Numeric { .. }, _) => 1,
            (Self::Factor { levels, .. }, Scope::Full) => levels.len() - 1,
            (Self::Factor { .. }, Scope::Pooled) => 0,
        }
    }
}

/// The number of columns of the design matrix, including the intercept's.
pub(crate) fn width(terms: &[Term], scope: Scope) -> usize {
    1 + terms.iter().map(|term| term.width(scope)).sum::<usize>()
}

/// The columns' names: `(Intercept)`, `length`, `specieswalleye`. `write` formats a term's name.
pub(crate) fn column_names(
    terms: &[Term],
    scope: Scope,
    write: impl Fn(&str) -> String,
) -> Vec<String> {
    let mut names = vec!["(Intercept)".to_owned()];
    for term in terms {
        match term {
            Term::Numeric { name, .. } => names.push(write(name)),
            Term::Factor { name, levels } if scope == Scope::Full => {
                names.extend(levels.iter().skip(1).map(|level| write(name) + level));
            }
            Term::Factor { .. } => {}
        }
    }
    names
}

/// One row of the design matrix from inputs in formula order; `None` if a level is unknown.
///
/// `numerics` and `factors` must have one entry per numeric term and factor.
pub(crate) fn sparse_row(
    terms: &[Term],
    scope: Scope,
    numerics: &[f64],
    factors: &[&str],
) -> Option<SparseRow> {
    let mut row = SparseRow::new();
    row.push((0, 1.0));
    let mut column = 1;
    let (mut numerics, mut factors) = (numerics.iter(), factors.iter());
    for term in terms {
        match term {
            Term::Numeric { center, .. } => row.push((column, numerics.next()? - center)),
            Term::Factor { levels, .. } if scope == Scope::Full => {
                let level = factors.next()?;
                let index = levels
                    .binary_search_by(|known| known.as_str().cmp(level))
                    .ok()?;
                if index > 0 {
                    row.push((column + index - 1, 1.0));
                }
            }
            Term::Factor { .. } => {}
        }
        column += term.width(scope);
    }
    Some(row)
}

/// What was subtracted from each column of the design matrix.
pub(crate) fn centers(terms: &[Term], scope: Scope) -> Vec<f64> {
    let mut centers = vec![0.0];
    for term in terms {
        match term {
            Term::Numeric { center, .. } => centers.push(*center),
            Term::Factor { .. } => centers.extend((0..term.width(scope)).map(|_| 0.0)),
        }
    }
    centers
}

/// The columns of a model's terms, each kind in formula order, all of the same length.
#[derive(Default)]
pub(crate) struct Inputs<'a> {
    pub(crate) numerics: Vec<&'a [f64]>,
    pub(crate) factors: Vec<&'a [String]>,
}

impl Inputs<'_> {
    /// Passes row `index`, as positional inputs, to `use_row`.
    pub(crate) fn row<T>(&self, index: usize, use_row: impl FnOnce(&[f64], &[&str]) -> T) -> T {
        let numerics: SmallVec<[f64; 16]> =
            self.numerics.iter().map(|column| column[index]).collect();
        let factors: SmallVec<[&str; 8]> = self
            .factors
            .iter()
            .map(|column| column[index].as_str())
            .collect();
        use_row(&numerics, &factors)
    }
}
