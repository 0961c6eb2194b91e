//! Predicted value and 95 % prediction interval for new rows.

use smallvec::SmallVec;

use crate::{
    function::OutsideDomain,
    model::FittedModel,
    table::{Column, Table},
    variables::{UnseenFactors, Variable},
};

/// A predicted value with its interval, in the response's unit.
///
/// If the formula transforms the response, as `log(weight) ~ length` does, then the value and both ends
/// are those of the linear model with the inverse applied. An end below the function's range becomes
/// its lowest value, 0 for `sqrt`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The predicted value.
    pub value: f64,
    /// The lower end of the 95 % prediction interval, as R's `predict(m, new, interval = "prediction")`.
    pub lower: f64,
    /// The upper end of the 95 % prediction interval.
    pub upper: f64,
    /// The factors whose levels the training rows do not contain. A fit without them predicted.
    pub unseen: UnseenFactors,
}

/// One input of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// The value of a numeric column.
    Number(f64),
    /// The level of a factor.
    Text(&'a str),
}

/// Why a row cannot be predicted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PredictError {
    /// The number of positional inputs differs from the number of the model's columns.
    #[error(
        "expected {expected_numerics} numbers and {expected_factors} strings, got {numerics} and {factors}"
    )]
    Width {
        /// The model's numeric columns.
        expected_numerics: usize,
        /// The model's factors.
        expected_factors: usize,
        /// Numbers given.
        numerics: usize,
        /// Strings given.
        factors: usize,
    },
    /// A column has no input.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A string was given for a numeric column.
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
    /// A number is outside the domain of a function in the formula, such as the logarithm.
    #[error("{0}")]
    OutsideDomain(OutsideDomain),
    /// The inputs are finite, but the prediction is not.
    #[error("the inputs are too large: the prediction is not a finite number")]
    Overflow,
}

impl FittedModel {
    /// Predicts from positional inputs: the values of the numeric columns and the levels of the factors,
    /// each in the order of the formula (see [`numerics`](Self::numerics), [`factors`](Self::factors)).
    /// Does not allocate for a formula of up to 15 terms and 8 factors.
    ///
    /// # Errors
    /// The number of inputs is wrong, a number is not finite or outside the domain of a function, a
    /// level is empty, or the result overflows.
    pub fn predict(&self, numerics: &[f64], factors: &[&str]) -> Result<Prediction, PredictError> {
        self.check(numerics, factors)?;
        let row = self
            .variables
            .row(numerics, factors)
            .map_err(PredictError::OutsideDomain)?;
        let fit = self.fit_for(row.unseen);
        let (entries, level) = (fit.row(&row), fit.level(&row));
        let value = fit.linear.value_with_effect(&entries, level);
        let half_width = fit.linear.half_width(&entries, level);
        let function = self.formula.response_operand().function;
        let prediction = Prediction {
            value: function.inverse(value),
            lower: function.inverse(value - half_width),
            upper: function.inverse(value + half_width),
            unseen: row.unseen,
        };
        // Not every inverse of NaN is NaN.
        if [value, half_width, prediction.lower, prediction.upper]
            .iter()
            .all(|number| number.is_finite())
        {
            Ok(prediction)
        } else {
            Err(PredictError::Overflow)
        }
    }

    /// Predicts from named inputs in any order; ignores names that the model does not use.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), or a column has no input or one of the wrong kind.
    pub fn predict_named(&self, inputs: &[(&str, Value<'_>)]) -> Result<Prediction, PredictError> {
        let mut numerics: SmallVec<[f64; 16]> = SmallVec::new();
        let mut factors: SmallVec<[&str; 8]> = SmallVec::new();
        for variable in self.variables() {
            let name = variable.name();
            let input = inputs
                .iter()
                .find(|(given, _)| *given == name)
                .map(|(_, value)| *value);
            match (variable, input) {
                (_, None) => return Err(PredictError::Missing(name.to_owned())),
                (Variable::Numeric(_), Some(Value::Number(number))) => numerics.push(number),
                (Variable::Factor { .. }, Some(Value::Text(text))) => factors.push(text),
                (Variable::Numeric(_), Some(_)) => {
                    return Err(PredictError::NotANumber(name.to_owned()));
                }
                (Variable::Factor { .. }, Some(_)) => {
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
        let mut numerics: Vec<&[f64]> = Vec::new();
        let mut factors: Vec<&[String]> = Vec::new();
        for variable in self.variables() {
            let name = variable.name();
            match (variable, table.column(name)) {
                (_, None) => return Err(PredictError::Missing(name.to_owned())),
                (Variable::Numeric(_), Some(Column::Numeric(values))) => numerics.push(values),
                (Variable::Factor { .. }, Some(Column::Text(values))) => factors.push(values),
                (Variable::Numeric(_), Some(_)) => {
                    return Err(PredictError::NotANumber(name.to_owned()));
                }
                (Variable::Factor { .. }, Some(_)) => {
                    return Err(PredictError::NotAText(name.to_owned()));
                }
            }
        }
        let (mut numbers, mut levels) = (Vec::new(), Vec::new());
        (0..table.rows())
            .map(|row| {
                numbers.clear();
                numbers.extend(numerics.iter().map(|column| column[row]));
                levels.clear();
                levels.extend(factors.iter().map(|column| column[row].as_str()));
                self.predict(&numbers, &levels)
            })
            .collect()
    }

    fn check(&self, numerics: &[f64], factors: &[&str]) -> Result<(), PredictError> {
        let (expected_numerics, expected_factors) =
            (self.numerics().count(), self.factors().count());
        if numerics.len() != expected_numerics || factors.len() != expected_factors {
            return Err(PredictError::Width {
                expected_numerics,
                expected_factors,
                numerics: numerics.len(),
                factors: factors.len(),
            });
        }
        if let Some((name, _)) = self
            .numerics()
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
}
