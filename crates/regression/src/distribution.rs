//! Probabilities and quantiles of Student's t and Fisher's F.

use statrs::{
    distribution::{Continuous, ContinuousCDF, StudentsT},
    function::beta::checked_beta_reg,
};

/// The t value with 97.5 % of the distribution below it: half a 95 % interval, in standard errors.
///
/// NaN for a degree of freedom that is not positive.
pub(crate) fn t_quantile_975(degrees_of_freedom: f64) -> f64 {
    let Ok(t) = StudentsT::new(0.0, 1.0, degrees_of_freedom) else {
        return f64::NAN;
    };
    // statrs' inversion stops at about ten digits; one or two of Newton's steps give the others.
    (0..2).fold(t.inverse_cdf(0.975), |x, _| {
        x + (t.cdf(-x) - 0.025) / t.pdf(x)
    })
}

/// The two-sided p value of a t statistic. NaN for NaN.
pub(crate) fn t_two_sided(statistic: f64, degrees_of_freedom: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, degrees_of_freedom) {
        Ok(t) if !statistic.is_nan() => 2.0 * t.cdf(-statistic.abs()),
        _ => f64::NAN,
    }
}

/// The probability of an F statistic at least this large. NaN for NaN.
///
/// From the upper side's own beta function: one minus the lower side would lose small values.
pub(crate) fn f_upper(statistic: f64, numerator: f64, denominator: f64) -> f64 {
    let x = denominator / (denominator + numerator * statistic);
    checked_beta_reg(denominator / 2.0, numerator / 2.0, x).unwrap_or(f64::NAN)
}
