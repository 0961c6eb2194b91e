//! The functions that a formula can apply to a column, with their domains and inverses.

use std::fmt;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// The number itself.
    Identity,
    /// `log(x)`, the natural logarithm.
    Log,
    /// `sqrt(x)`.
    Sqrt,
    /// `exp(x)`.
    Exp,
    /// `I(x^n)`, with n from 2 to 9.
    Power(u8),
}

/// A number is outside a function's domain.
#[derive(Clone, Debug, PartialEq)]
pub struct OutsideDomain {
    /// The function.
    pub function: Function,
    /// The column.
    pub column: String,
    /// The number.
    pub value: f64,
}

impl Function {
    /// The function's value. NaN or infinite outside the [domain](Self::accepts), and infinite if it
    /// overflows.
    pub(crate) fn apply(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Log => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Exp => x.exp(),
            Self::Power(exponent) => x.powi(i32::from(exponent)),
        }
    }

    /// Whether the function is defined for a finite number.
    pub(crate) fn accepts(self, x: f64) -> bool {
        match self {
            Self::Log => x > 0.0,
            Self::Sqrt => x >= 0.0,
            Self::Identity | Self::Exp | Self::Power(_) => true,
        }
    }

    /// The number whose function is `value`. A value below the function's range counts as its lowest
    /// value: 0 for `sqrt`, and the smallest positive number for `exp`.
    pub(crate) fn inverse(self, value: f64) -> f64 {
        match self {
            Self::Identity => value,
            Self::Log => value.exp(),
            Self::Sqrt => value.max(0.0).powi(2),
            Self::Exp => value.max(f64::MIN_POSITIVE).ln(),
            // The parser accepts no power as a response, since it has no inverse for an even exponent.
            Self::Power(_) => f64::NAN,
        }
    }

    /// The function applied to a name, as R writes it.
    pub(crate) fn of(self, name: &str) -> String {
        match self {
            Self::Identity => name.to_owned(),
            Self::Log => format!("log({name})"),
            Self::Sqrt => format!("sqrt({name})"),
            Self::Exp => format!("exp({name})"),
            Self::Power(exponent) => format!("I({name}^{exponent})"),
        }
    }
}

impl fmt::Display for OutsideDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = match self.function {
            Function::Log => "a number above 0",
            _ => "a number of at least 0",
        };
        write!(
            f,
            "`{}` is {}, expected {expected}: the formula uses {}",
            self.column,
            self.value,
            self.function.of(&self.column)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inverse_undoes_its_function() {
        for function in [
            Function::Identity,
            Function::Log,
            Function::Sqrt,
            Function::Exp,
        ] {
            for x in [0.25, 1.0, 12.5] {
                let back = function.inverse(function.apply(x));
                assert!((back - x).abs() <= 1e-14 * x, "{function:?} {x} {back}");
            }
        }
    }

    #[test]
    fn an_inverse_is_finite_and_rises_below_the_range() {
        assert_eq!(Function::Sqrt.inverse(-0.5), 0.0);
        assert!(Function::Exp.inverse(-0.5).is_finite());
        assert!(Function::Exp.inverse(-0.5) <= Function::Exp.inverse(0.5));
    }
}
