//! The columns of a design matrix: a formula's terms, resolved against its variables.

use smallvec::SmallVec;

use crate::{
    formula::Formula,
    variables::{Reference, Row, Variables},
};

/// The nonzero entries of one row of a design matrix: (column, value).
pub(crate) type SparseRow = SmallVec<[(usize, f64); 16]>;

/// The columns of a design matrix. With an intercept, its column is the first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) intercept: bool,
    /// The factor that has random intercepts.
    pub(crate) group: Option<usize>,
    terms: Vec<Term>,
    width: usize,
}

/// A term: one column, or one for each combination of its factors' levels.
#[derive(Clone, Debug, PartialEq)]
struct Term {
    parts: SmallVec<[Part; 2]>,
    /// The term's first column.
    first: usize,
    width: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Value(usize),
    /// Columns for the levels from `first_level` on, which is 0 if each level has a column, or 1 if
    /// level 0 is the reference (treatment contrasts).
    Factor {
        index: usize,
        first_level: usize,
        width: usize,
    },
}

impl Layout {
    /// The columns of a formula; `None` if the variables lack one of its columns.
    ///
    /// A factor is coded as by R: with treatment contrasts, except with a column for each level if the
    /// term without this factor is not in the formula, or if the factor is the first term with a factor
    /// and there is no intercept.
    pub(crate) fn new(formula: &Formula, variables: &Variables) -> Option<Self> {
        let structure = formula.structure();
        let level_counts: Vec<usize> = variables
            .factors()
            .map(|(_, levels)| levels.len())
            .collect();
        let group = match formula.group() {
            None => None,
            Some(group) => Some(variables.factors().position(|(name, _)| name == group)?),
        };
        let mut layout = Self {
            intercept: structure.intercept,
            group,
            terms: Vec::new(),
            width: usize::from(structure.intercept),
        };
        let mut no_factor_yet = true;
        for term in &structure.terms {
            let mut parts = SmallVec::new();
            let is_first_factor = no_factor_yet && !structure.intercept && term.len() == 1;
            for operand in term {
                parts.push(match variables.resolve(structure.operands[*operand])? {
                    Reference::Value(index) => Part::Value(index),
                    Reference::Level(index) => {
                        no_factor_yet = false;
                        let margin: Vec<usize> = term
                            .iter()
                            .copied()
                            .filter(|other| other != operand)
                            .collect();
                        let has_margin = margin.is_empty() || structure.terms.contains(&margin);
                        let first_level = usize::from(has_margin && !is_first_factor);
                        Part::Factor {
                            index,
                            first_level,
                            width: level_counts[index] - first_level,
                        }
                    }
                });
            }
            let width = parts.iter().map(Part::width).product();
            layout.terms.push(Term {
                parts,
                first: layout.width,
                width,
            });
            layout.width += width;
        }
        Some(layout)
    }

    /// The number of columns.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The columns from which a fit subtracts their means: those without factors, if there is an
    /// intercept. Otherwise a large mean would reduce the precision of fits and leverages.
    pub(crate) fn centered_columns(&self) -> impl Iterator<Item = usize> {
        self.terms
            .iter()
            .filter(|term| self.intercept && term.is_numeric())
            .map(|term| term.first)
    }

    /// One row of the design matrix, with `centers` subtracted from its columns. The row's levels must
    /// be known for each factor of the formula.
    pub(crate) fn row(&self, row: &Row, centers: &[f64]) -> SparseRow {
        let mut entries = SparseRow::new();
        if self.intercept {
            entries.push((0, 1.0));
        }
        for term in &self.terms {
            if let Some((column, value)) = term.entry(row) {
                entries.push((column, value - centers[column]));
            }
        }
        entries
    }

    /// A term that contains the columns of another, and that other term: with an intercept,
    /// `origin:sex` contains `(Intercept)` if neither `origin` nor `sex` is in the formula.
    #[cfg(feature = "fit")]
    pub(crate) fn repetition(&self, formula: &Formula) -> Option<(String, String)> {
        let structure = formula.structure();
        let name = |term: &[usize]| {
            let names = term
                .iter()
                .map(|index| structure.operands[*index].to_string());
            names.collect::<Vec<_>>().join(":")
        };
        for (term, operands) in self.terms.iter().zip(&structure.terms) {
            let contains = |other: &[usize]| {
                other.len() < operands.len()
                    && other.iter().all(|operand| operands.contains(operand))
                    && operands.iter().zip(&term.parts).all(|(operand, part)| {
                        other.contains(operand)
                            || matches!(part, Part::Factor { first_level: 0, .. })
                    })
            };
            if self.intercept && contains(&[]) {
                return Some((name(operands), "(Intercept)".to_owned()));
            }
            if let Some(other) = structure.terms.iter().find(|other| contains(other)) {
                return Some((name(operands), name(other)));
            }
        }
        None
    }

    /// The columns' names as R writes them: `(Intercept)`, `log(length)`, `originnorth:sexmale`.
    /// `write` formats a column's name.
    pub(crate) fn names(
        &self,
        variables: &Variables,
        write: impl Fn(&str) -> String,
    ) -> Vec<String> {
        let values: Vec<String> = variables.value_names(&write).collect();
        let factors: Vec<(String, &[String])> = variables
            .factors()
            .map(|(name, levels)| (write(name), levels))
            .collect();
        let intercept = self.intercept.then(|| "(Intercept)".to_owned());
        let columns = self.terms.iter().flat_map(|term| {
            let (values, factors) = (&values, &factors);
            (0..term.width).map(move |mut column| {
                let name = |part: &Part| match *part {
                    Part::Value(index) => values[index].clone(),
                    Part::Factor {
                        index,
                        first_level,
                        width,
                    } => {
                        let level = column % width + first_level;
                        column /= width;
                        let (name, levels) = &factors[index];
                        format!("{name}{}", levels[level])
                    }
                };
                term.parts.iter().map(name).collect::<Vec<_>>().join(":")
            })
        });
        intercept.into_iter().chain(columns).collect()
    }
}

impl Term {
    fn is_numeric(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Value(_)))
    }

    /// The term's only column that is not zero in this row, if any, and its value.
    fn entry(&self, row: &Row) -> Option<(usize, f64)> {
        let (mut column, mut stride, mut value) = (self.first, 1, 1.0);
        for part in &self.parts {
            match *part {
                Part::Value(index) => value *= row.values[index],
                Part::Factor {
                    index,
                    first_level,
                    width,
                } => {
                    column += stride * row.levels[index].checked_sub(first_level)?;
                    stride *= width;
                }
            }
        }
        Some((column, value))
    }
}

impl Part {
    fn width(&self) -> usize {
        match self {
            Self::Value(_) => 1,
            Self::Factor { width, .. } => *width,
        }
    }
}
