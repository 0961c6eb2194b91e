//! The functions of the SQL: one table of scalar ones, one of aggregates.
//!
//! A new scalar function is one entry in [`scalar::FUNCTIONS`], a new aggregate one in
//! [`aggregate::AGGREGATES`]; nothing else has to know it.

pub mod aggregate;
mod collecting;
mod numeric;
pub mod scalar;
mod text;

use crate::types::SqlType;
use crate::value::Value;

/// The type of an argument; none for a bare `NULL`, which fits everywhere.
pub(crate) type ArgType = Option<SqlType>;

/// Why an expression has no value: its column becomes NULL, its row fails a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// Java would have unboxed a null.
    #[error("a null value in arithmetic or logic")]
    Null,
    /// An integer divided by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A text that is no number, or a number that does not fit.
    #[error("the value cannot be converted")]
    Conversion,
    /// NaN or infinity compared with a decimal constant.
    #[error("NaN or infinity has no decimal value")]
    NotFinite,
    /// A LIKE pattern that ends with its escape character.
    #[error("the escape character ends the pattern")]
    NothingEscaped,
}

/// What a scalar function computes.
pub(crate) type ScalarCall = fn(&[Value]) -> Result<Value, EvalError>;
