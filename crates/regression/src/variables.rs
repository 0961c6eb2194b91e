//! The columns that a formula needs, and the values and levels of one row.

use smallvec::SmallVec;

use crate::{
    formula::{Formula, Operand},
    function::{Function, OutsideDomain},
};

/// The most factors of a formula: [`UnseenFactors`] has a bit for each.
pub(crate) const MAX_FACTORS: usize = 64;

/// A column that a formula needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Variable {
    /// A column of numbers.
    Numeric(String),
    /// A column of strings.
    Factor {
        /// The column's name.
        name: String,
        /// The distinct strings of the training rows, in byte order.
        levels: Vec<String>,
    },
}

impl Variable {
    /// The column's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Numeric(name) | Self::Factor { name, .. } => name,
        }
    }
}

/// The factors of a row whose levels the training rows do not contain. A factor is identified by its
/// index among the model's [`factors`](crate::FittedModel::factors).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UnseenFactors(u64);

impl UnseenFactors {
    /// Whether the training rows contain every level of the row.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the level of factor `index` is unseen.
    #[must_use]
    pub fn contains(self, index: usize) -> bool {
        index < MAX_FACTORS && self.0 >> index & 1 == 1
    }

    /// The indices, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..MAX_FACTORS).filter(move |index| self.contains(*index))
    }

    pub(crate) fn insert(&mut self, index: usize) {
        self.0 |= 1 << index;
    }
}

/// The values of the numeric operands of a row, and the index of each factor's level.
pub(crate) struct Row {
    pub(crate) values: SmallVec<[f64; 16]>,
    /// `usize::MAX` for an unseen level.
    pub(crate) levels: SmallVec<[usize; 8]>,
    pub(crate) unseen: UnseenFactors,
}

/// A formula's columns in the order of their first appearance, and its numeric operands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variables {
    list: Vec<Variable>,
    values: Vec<NumericOperand>,
}

/// A function of a numeric column.
#[derive(Clone, Debug, PartialEq)]
struct NumericOperand {
    operand: Operand,
    /// Which of the numeric columns.
    numeric: usize,
}

/// What an operand of a formula refers to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reference {
    /// One of [`Row::values`].
    Value(usize),
    /// One of [`Row::levels`].
    Level(usize),
}

impl Variables {
    /// `None` unless the list names the formula's columns in their order, factors have no functions and
    /// valid levels, and there are at most [`MAX_FACTORS`] factors.
    pub(crate) fn new(formula: &Formula, list: Vec<Variable>) -> Option<Self> {
        if !formula
            .variables()
            .into_iter()
            .eq(list.iter().map(Variable::name))
        {
            return None;
        }
        let mut variables = Self {
            list,
            values: Vec::new(),
        };
        if variables.factors().count() > MAX_FACTORS
            || !variables
                .factors()
                .all(|(_, levels)| !levels.is_empty() && levels.is_sorted_by(|a, b| a < b))
        {
            return None;
        }
        for operand in formula.structure().operands {
            let numeric = variables
                .numerics()
                .position(|name| name == operand.name.as_str());
            match numeric {
                Some(numeric) => variables.values.push(NumericOperand {
                    operand: operand.clone(),
                    numeric,
                }),
                None if operand.function == Function::Identity => {}
                None => return None,
            }
        }
        Some(variables)
    }

    pub(crate) fn list(&self) -> &[Variable] {
        &self.list
    }

    pub(crate) fn numerics(&self) -> impl Iterator<Item = &str> {
        self.list.iter().filter_map(|variable| match variable {
            Variable::Numeric(name) => Some(name.as_str()),
            Variable::Factor { .. } => None,
        })
    }

    pub(crate) fn factors(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.list.iter().filter_map(|variable| match variable {
            Variable::Factor { name, levels } => Some((name.as_str(), levels.as_slice())),
            Variable::Numeric(_) => None,
        })
    }

    /// The names of the numeric operands, in the order of [`Row::values`]. `write` formats a column's
    /// name.
    pub(crate) fn value_names(
        &self,
        write: impl Fn(&str) -> String,
    ) -> impl Iterator<Item = String> {
        self.values
            .iter()
            .map(move |value| value.operand.function.of(&write(&value.operand.name)))
    }

    /// The numeric operand or the factor that an operand of the formula refers to.
    pub(crate) fn resolve(&self, operand: &Operand) -> Option<Reference> {
        let value = self
            .values
            .iter()
            .position(|value| value.operand == *operand);
        let level = || self.factors().position(|(name, _)| name == operand.name);
        value
            .map(Reference::Value)
            .or_else(|| level().map(Reference::Level))
    }

    /// The values and levels of a row with one number per numeric column and one string per factor.
    ///
    /// # Errors
    /// A number is outside the domain of a function.
    pub(crate) fn row(&self, numerics: &[f64], factors: &[&str]) -> Result<Row, OutsideDomain> {
        let mut row = Row {
            values: SmallVec::new(),
            levels: SmallVec::new(),
            unseen: UnseenFactors::default(),
        };
        for NumericOperand { operand, numeric } in &self.values {
            let x = numerics[*numeric];
            if !operand.function.accepts(x) {
                return Err(OutsideDomain {
                    function: operand.function,
                    column: operand.name.clone(),
                    value: x,
                });
            }
            row.values.push(operand.function.apply(x));
        }
        for (index, ((_, levels), level)) in self.factors().zip(factors).enumerate() {
            match levels.binary_search_by(|known| known.as_str().cmp(level)) {
                Ok(level) => row.levels.push(level),
                Err(_) => {
                    row.levels.push(usize::MAX);
                    row.unseen.insert(index);
                }
            }
        }
        Ok(row)
    }
}
