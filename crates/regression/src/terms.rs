//! What a formula's terms turned out to be in the rows.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::formula::Quoted;

/// A term of a fitted model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Term {
    /// One column, centred: fits and leverages then do not lose digits to a large mean.
    Numeric { name: String, center: f64 },
    /// A column of zeros and ones for each level after the first, the reference. Levels are in byte
    /// order. A factor of one level has no column: it has no effect on the fit, but its level is known.
    Factor { name: String, levels: Vec<String> },
}

/// The entries other than zero in one row of a design matrix: (column, value).
pub(crate) type Active = SmallVec<[(usize, f64); 16]>;

/// Which terms a fit uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of them.
    Full,
    /// The numeric ones: the pooled fit, which knows no levels.
    Pooled,
}

impl Term {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Numeric { name, .. } | Self::Factor { name, .. } => name,
        }
    }

    /// Whether a factor has levels, each once, in byte order, and a centre is a number.
    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Self::Numeric { center, .. } => center.is_finite(),
            Self::Factor { levels, .. } => !levels.is_empty() && levels.is_sorted_by(|a, b| a < b),
        }
    }

    /// How many columns of the design matrix the term has.
    pub(crate) fn width(&self, scope: Scope) -> usize {
        match (self, scope) {
            (Self::Numeric { .. }, _) => 1,
            (Self::Factor { levels, .. }, Scope::Full) => levels.len() - 1,
            (Self::Factor { .. }, Scope::Pooled) => 0,
        }
    }
}

/// The number of columns of the design matrix, the intercept's included.
pub(crate) fn width(terms: &[Term], scope: Scope) -> usize {
    1 + terms.iter().map(|term| term.width(scope)).sum::<usize>()
}

/// The columns' names: `(Intercept)`, `length`, `specieswalleye`.
pub(crate) fn column_names(terms: &[Term], scope: Scope) -> Vec<String> {
    name_columns(terms, scope, str::to_owned)
}

/// The columns' names as R prints them: a term's name is written as in a formula.
pub(crate) fn column_labels(terms: &[Term], scope: Scope) -> Vec<String> {
    name_columns(terms, scope, |name| Quoted(name).to_string())
}

fn name_columns(terms: &[Term], scope: Scope, write: impl Fn(&str) -> String) -> Vec<String> {
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

/// One row of the design matrix from inputs in formula order; `None` where a level is unknown.
///
/// The inputs must have as many entries as there are terms of their kind.
pub(crate) fn active(
    terms: &[Term],
    scope: Scope,
    numerics: &[f64],
    factors: &[&str],
) -> Option<Active> {
    let mut row = Active::new();
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
