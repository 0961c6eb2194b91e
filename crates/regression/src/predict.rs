//! Predicted value and 95 % prediction interval for new rows.

use smallvec::SmallVec;

use crate::{
    model::FittedModel,
    table::{Column, Table},
    terms::{Inputs, Scope, SparseRow, Term, sparse_row},
};

/// A predicted value with its interval, in the response's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The predicted value.
    pub value: f64,
    /// The lower end of the 95 % prediction interval, as R's `predict(m, new, interval = "prediction")`.
    pub lower: f64,
    /// The upper end of the 95 % prediction interval.
    pub upper: f64,
    /// Whether the pooled fit predicted, because the training rows do not contain a factor's level.
    pub pooled: bool,
}

/// One input of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// The value of a numeric term.
    Number(f64),
    /// The level of a factor.
    Text(&'a str),
}

/// Why a row cannot be predicted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PredictError {
    /// The number of positional inputs differs from the number of the model's terms.
    #[error(
        "expected {expected_numerics} numbers and {expected_factors} strings, got {numerics} and {factors}"
    )]
    Width {
        /// The model's numeric terms.
        expected_numerics: usize,
        /// The model's factors.
        expected_factors: usize,
        /// Numbers given.
        numerics: usize,
        /// Strings given.
        factors: usize,
    },
    /// A term has no input.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A string was given for a numeric term.
    #[error("`{0}`: expected a number, got a string")]
    NotANumber(String),
    /// A number was given for a factor.
    #[error("`{0}`: expected a string, got a number")]
    NotAText(String),
    /// A number is NaN or infinite.
    #[error("`{0}` is not a finite number")]
    NotFinite(String),
    /// A factor's level is empty.
    #[error("`{0}` is empty")]
    EmptyLevel(String),
    /// The inputs are finite, but the prediction is not.
    #[error("the inputs are too large: the prediction is not a finite number")]
    Overflow,
}

impl FittedModel {
    /// Predicts from positional inputs: the numeric terms' values and the factors' levels, each in the
    /// order of the formula (see [`numeric_terms`](Self::numeric_terms), [`factors`](Self::factors)).
    /// Does not allocate for a formula of up to 15 terms.
    ///
    /// # Errors
    /// The number of inputs is wrong, a number is not finite, a level is empty, or the result
    /// overflows.
    pub fn predict(&self, numerics: &[f64], factors: &[&str]) -> Result<Prediction, PredictError> {
        self.check(numerics, factors)?;
        if let Some(row) = sparse_row(&self.terms, Scope::Full, numerics, factors) {
            return self.predict_row(Scope::Full, &row);
        }
        match sparse_row(&self.terms, Scope::Pooled, numerics, factors) {
            Some(row) => self.predict_row(Scope::Pooled, &row),
            None => Err(self.wrong_width(numerics, factors)),
        }
    }

    /// Predicts from named inputs in any order; ignores names that the model does not use.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), or a term has no input or one of the wrong kind.
    pub fn predict_named(&self, inputs: &[(&str, Value<'_>)]) -> Result<Prediction, PredictError> {
        let mut numerics: SmallVec<[f64; 16]> = SmallVec::new();
        let mut factors: SmallVec<[&str; 8]> = SmallVec::new();
        for term in &self.terms {
            let name = term.name();
            let input = inputs
                .iter()
                .find(|(given, _)| *given == name)
                .map(|(_, value)| *value);
            match (term, input) {
                (_, None) => return Err(PredictError::Missing(name.to_owned())),
                (Term::Numeric { .. }, Some(Value::Number(number))) => numerics.push(number),
                (Term::Factor { .. }, Some(Value::Text(text))) => factors.push(text),
                (Term::Numeric { .. }, Some(_)) => {
                    return Err(PredictError::NotANumber(name.to_owned()));
                }
                (Term::Factor { .. }, Some(_)) => {
                    return Err(PredictError::NotAText(name.to_owned()));
                }
            }
        }
        self.predict(&numerics, &factors)
    }

    /// Predicts every row of a table, with columns looked up by name.
    ///
    /// # Errors
    /// As [`predict_named`](Self::predict_named), for the first row that fails.
    pub fn predict_table(&self, table: &Table) -> Result<Vec<Prediction>, PredictError> {
        let mut inputs = Inputs::default();
        for term in &self.terms {
            let name = term.name();
            match (term, table.column(name)) {
                (_, None) => return Err(PredictError::Missing(name.to_owned())),
                (Term::Numeric { .. }, Some(Column::Numeric(values))) => {
                    inputs.numerics.push(values)
                }
                (Term::Factor { .. }, Some(Column::Text(values))) => inputs.factors.push(values),
                (Term::Numeric { .. }, Some(_)) => {
                    return Err(PredictError::NotANumber(name.to_owned()));
                }
                (Term::Factor { .. }, Some(_)) => {
                    return Err(PredictError::NotAText(name.to_owned()));
                }
            }
        }
        (0..table.rows())
            .map(|index| inputs.row(index, |numerics, factors| self.predict(numerics, factors)))
            .collect()
    }

    fn wrong_width(&self, numerics: &[f64], factors: &[&str]) -> PredictError {
        PredictError::Width {
            expected_numerics: self.numeric_terms().count(),
            expected_factors: self.factors().count(),
            numerics: numerics.len(),
            factors: factors.len(),
        }
    }

    fn check(&self, numerics: &[f64], factors: &[&str]) -> Result<(), PredictError> {
        if numerics.len() != self.numeric_terms().count() || factors.len() != self.factors().count()
        {
            return Err(self.wrong_width(numerics, factors));
        }
        if let Some((name, _)) = self
            .numeric_terms()
            .zip(numerics)
            .find(|(_, value)| !value.is_finite())
        {
            return Err(PredictError::NotFinite(name.to_owned()));
        }
        if let Some(((name, _), _)) = self
            .factors()
            .zip(factors)
            .find(|(_, level)| level.is_empty())
        {
            return Err(PredictError::EmptyLevel(name.to_owned()));
        }
        Ok(())
    }

    fn predict_row(&self, scope: Scope, row: &SparseRow) -> Result<Prediction, PredictError> {
        let fit = self.linear_fit(scope);
        let (value, half_width) = (fit.value(row), fit.half_width(row));
        let prediction = Prediction {
            value,
            lower: value - half_width,
            upper: value + half_width,
            pooled: scope == Scope::Pooled,
        };
        if prediction.lower.is_finite() && prediction.upper.is_finite() {
            Ok(prediction)
        } else {
            Err(PredictError::Overflow)
        }
    }
}
