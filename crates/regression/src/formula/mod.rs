//! A model formula in R's notation: `weight ~ length + height + origin`.
//!
//! A formula contains only names. As in R, fitting resolves each name by its column: a numeric column
//! is a number; a text column is a factor with treatment contrasts, whose first level in byte order is
//! the reference.
//!
//! Supported are the intercept (`1`, `0`, `- 1`), names, `a:b`, `a * b`, and `log`, `sqrt`, `exp` and
//! `I(a^2)` of a numeric column, and one random intercept, `(1 | a)`. The response is a name or `log`,
//! `sqrt` or `exp` of a name. A name that is not a plain word needs backticks. `docs/formula.md` is the
//! reference.

mod parse;
mod structure;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::function::Function;

/// A response and its terms, in the order written. Serialized as a string.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Formula {
    response: Operand,
    items: Vec<Item>,
}

/// The most parts that `*` may join: n parts have 2ⁿ − 1 interactions.
const MAX_CROSSED: usize = 6;

/// A column, or a function of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Operand {
    pub(crate) function: Function,
    pub(crate) name: String,
}

/// What is between two `+`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Item {
    /// Interactions joined by `*`. An interaction is a list of operands joined by `:`.
    Crossing(Vec<Vec<Operand>>),
    /// `0`: no intercept.
    Zero,
    /// `- 1`: no intercept.
    MinusOne,
    /// `(1 | group)`: a random intercept for each level of this column.
    RandomIntercept(String),
}

/// Why a string or a list of names is not a formula.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormulaError {
    /// The string is not a supported formula.
    #[error(
        "formula `{formula}`, character {position}: expected {expected}. Supported are names, `a:b`, \
         `a * b`, `log(a)`, `sqrt(a)`, `exp(a)`, `I(a^2)`, `0`, `- 1` and `(1 | a)`, joined by `+`; \
         a name that is not a plain word needs backticks"
    )]
    Syntax {
        /// The whole string.
        formula: String,
        /// Position of the error, in characters from 1.
        position: usize,
        /// What is valid at this position.
        expected: &'static str,
    },
    /// A name is empty or contains a backtick.
    #[error("`{0}` is not a valid name in a formula: it is empty or contains a backtick")]
    Name(String),
    /// The response is also a term.
    #[error("`{0}` is the response and cannot be part of a term as well")]
    ResponseAsTerm(String),
    /// There is no term and no intercept.
    #[error("the formula has neither a term nor an intercept: add a term, or write `~ 1`")]
    Empty,
    /// There is more than one random intercept.
    #[error(
        "the formula has the random intercepts `(1 | {0})` and `(1 | {1})`, expected at most one"
    )]
    SeveralGroups(String, String),
    /// A column has random intercepts and is part of a term.
    #[error("`{0}` is part of a term and of `(1 | {0})`: remove one of them")]
    GroupAsTerm(String),
    /// A `*` joins so many operands that the number of interactions is too large.
    #[error(
        "`*` joins {0} parts, expected at most {MAX_CROSSED}: write the interactions that you need with `:`"
    )]
    TooManyCrossed(usize),
}

impl Formula {
    /// A formula from a response and the names of columns; without names, the intercept alone
    /// (`weight ~ 1`). A name that occurs again is dropped.
    ///
    /// # Errors
    /// A name is empty, contains a backtick, or is the response.
    pub fn new<T: Into<String>>(
        response: impl Into<String>,
        terms: impl IntoIterator<Item = T>,
    ) -> Result<Self, FormulaError> {
        let items = terms
            .into_iter()
            .map(|name| Item::Crossing(vec![vec![Operand::column(name.into())]]));
        Self::from_items(Operand::column(response.into()), items.collect())
    }

    /// The name of the column to predict.
    #[must_use]
    pub fn response(&self) -> &str {
        &self.response.name
    }

    /// The response with its function, as R writes it: `log(weight)`.
    pub(crate) fn response_operand(&self) -> &Operand {
        &self.response
    }

    /// The names of the columns to predict from, in the order of their first appearance.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for item in &self.items {
            let in_item: Vec<&str> = match item {
                Item::Crossing(parts) => parts.iter().flatten().map(Operand::name).collect(),
                Item::RandomIntercept(group) => vec![group],
                Item::Zero | Item::MinusOne => Vec::new(),
            };
            for name in in_item {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// The column in `(1 | column)`: each of its levels has a random intercept.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.groups().next()
    }

    /// The formula without its `(1 | column)`.
    #[must_use]
    pub fn without_group(&self) -> Self {
        let groups: Vec<&str> = self.groups().collect();
        self.without(&groups)
    }

    fn groups(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(|item| match item {
            Item::RandomIntercept(group) => Some(group.as_str()),
            _ => None,
        })
    }

    fn operands(&self) -> impl Iterator<Item = &Operand> {
        self.crossings().flatten().flatten()
    }

    fn crossings(&self) -> impl Iterator<Item = &Vec<Vec<Operand>>> {
        self.items.iter().filter_map(|item| match item {
            Item::Crossing(parts) => Some(parts),
            _ => None,
        })
    }

    fn from_items(response: Operand, items: Vec<Item>) -> Result<Self, FormulaError> {
        let mut formula = Self { response, items };
        for name in formula.variables().into_iter().chain([formula.response()]) {
            if name.is_empty() || name.contains('`') {
                return Err(FormulaError::Name(name.to_owned()));
            }
        }
        if let [one, other, ..] = formula.groups().collect::<Vec<_>>()[..] {
            return Err(FormulaError::SeveralGroups(
                one.to_owned(),
                other.to_owned(),
            ));
        }
        if let Some(group) = formula.group()
            && formula.operands().any(|operand| operand.name == group)
        {
            return Err(FormulaError::GroupAsTerm(group.to_owned()));
        }
        if formula.variables().contains(&formula.response()) {
            return Err(FormulaError::ResponseAsTerm(formula.response.name));
        }
        if let Some(parts) = formula.crossings().find(|parts| parts.len() > MAX_CROSSED) {
            return Err(FormulaError::TooManyCrossed(parts.len()));
        }
        formula.remove_repetitions();
        if formula.crossings().next().is_none() && !formula.has_intercept() {
            return Err(FormulaError::Empty);
        }
        Ok(formula)
    }

    pub(crate) fn has_intercept(&self) -> bool {
        !self.items.iter().any(Item::removes_intercept)
    }
}

impl Item {
    fn removes_intercept(&self) -> bool {
        matches!(self, Self::Zero | Self::MinusOne)
    }
}

impl Operand {
    fn column(name: String) -> Self {
        Self {
            function: Function::Identity,
            name,
        }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ~ ", self.response)?;
        if self.items.is_empty() {
            return f.write_str("1");
        }
        for (i, item) in self.items.iter().enumerate() {
            f.write_str(match (item, i) {
                (Item::MinusOne, 0) => "-1",
                (Item::MinusOne, _) => " - 1",
                (_, 0) => "",
                (_, _) => " + ",
            })?;
            match item {
                Item::Crossing(parts) => write_joined(f, parts, " * ", |f, part| {
                    write_joined(f, part, ":", |f, operand| operand.fmt(f))
                })?,
                Item::Zero => f.write_str("0")?,
                Item::MinusOne => {}
                Item::RandomIntercept(group) => write!(f, "(1 | {})", Quoted(group))?,
            }
        }
        Ok(())
    }
}

fn write_joined<T>(
    f: &mut fmt::Formatter<'_>,
    parts: &[T],
    separator: &str,
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { separator })?;
        write(f, part)?;
    }
    Ok(())
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function.of(&Quoted(&self.name).to_string()))
    }
}

impl From<Formula> for String {
    fn from(formula: Formula) -> Self {
        formula.to_string()
    }
}

/// Displays a name as in a formula, in backticks unless it is a plain word.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if parse::is_plain_word(self.0) {
            f.write_str(self.0)
        } else {
            write!(f, "`{}`", self.0)
        }
    }
}
