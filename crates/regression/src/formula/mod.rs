//! A model formula in R's notation: `weight ~ length + height + species`.
//!
//! A formula contains only names. As in R, fitting resolves each term by its column: a numeric column
//! is a numeric term; a text column is a factor with treatment contrasts, whose first level in
//! byte order is the reference.
//!
//! The supported subset is a response, `~`, and terms joined by `+`, or `1` for the intercept alone.
//! The intercept is always included. A name that is not a plain word needs backticks.

mod parse;

use std::fmt;

use serde::{Deserialize, Serialize};

/// A response and its terms, in the order written. Serialized as a string.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Formula {
    response: String,
    terms: Vec<String>,
}

/// Why a string or a list of names is not a formula.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormulaError {
    /// The string does not have the form `response ~ term + term`.
    #[error(
        "formula `{formula}`, character {position}: expected {expected}; write `response ~ term + term`, \
         with backticks around names that are not plain words"
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
    /// A term occurs twice.
    #[error("the term `{0}` occurs twice in the formula: remove one")]
    DuplicateTerm(String),
    /// The response is also a term.
    #[error("`{0}` is the response and cannot be a term as well")]
    ResponseAsTerm(String),
}

impl Formula {
    /// A formula from a response and its terms; without terms, the intercept alone (`weight ~ 1`).
    ///
    /// # Errors
    /// A name is empty or contains a backtick, or a term occurs twice or is the response.
    pub fn new<T: Into<String>>(
        response: impl Into<String>,
        terms: impl IntoIterator<Item = T>,
    ) -> Result<Self, FormulaError> {
        let response = checked(response.into())?;
        let mut formula = Self {
            response,
            terms: Vec::new(),
        };
        for term in terms {
            let term = checked(term.into())?;
            if term == formula.response {
                return Err(FormulaError::ResponseAsTerm(term));
            }
            if formula.terms.contains(&term) {
                return Err(FormulaError::DuplicateTerm(term));
            }
            formula.terms.push(term);
        }
        Ok(formula)
    }

    /// The name of the column to predict.
    #[must_use]
    pub fn response(&self) -> &str {
        &self.response
    }

    /// The names of the columns to predict from, in the order written.
    #[must_use]
    pub fn terms(&self) -> &[String] {
        &self.terms
    }

    /// A formula from names that are known to be valid.
    pub(crate) fn from_checked<'a>(response: &str, terms: impl Iterator<Item = &'a str>) -> Self {
        Self {
            response: response.to_owned(),
            terms: terms.map(str::to_owned).collect(),
        }
    }
}

fn checked(name: String) -> Result<String, FormulaError> {
    if name.is_empty() || name.contains('`') {
        Err(FormulaError::Name(name))
    } else {
        Ok(name)
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ~ ", Quoted(&self.response))?;
        for (i, term) in self.terms.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { " + " }, Quoted(term))?;
        }
        if self.terms.is_empty() {
            f.write_str("1")
        } else {
            Ok(())
        }
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
