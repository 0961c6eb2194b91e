//! A summary as text, in the layout of R's `print(summary(lm))`.

use std::fmt;

use super::{
    Coefficient, RandomInterceptSummary, Summary,
    number::{format_common, format_general, format_p_values, round, round_significant, zap_small},
};
use crate::formula::Quoted;

/// R's `max(3, getOption("digits") - 3)`.
const DIGITS: usize = 4;
/// R's `getOption("width")`.
const LINE_WIDTH: usize = 80;
const LEGEND: &str = "---\nSignif. codes:  0 ‘***’ 0.001 ‘**’ 0.01 ‘*’ 0.05 ‘.’ 0.1 ‘ ’ 1\n";

/// The output of R's `summary(lm(formula, data = rows))` in a UTF-8 locale, from the first empty line
/// to the last. Random intercepts add a section. Unlike R, this does not wrap formulas of more than 60 characters.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let function = match self.random_intercepts {
            None => "lm",
            Some(_) => "lmer",
        };
        write!(
            f,
            "\nCall:\n{function}(formula = {}, data = rows)\n\nResiduals:\n",
            self.formula
        )?;
        self.write_residuals(f)?;
        if let Some(random) = &self.random_intercepts {
            self.write_random_intercepts(f, random)?;
            f.write_str("\nFixed effects:\n")?;
        } else {
            f.write_str("\nCoefficients:\n")?;
        }
        write_coefficients(f, &self.coefficients)?;
        let error = round_significant(self.residual_standard_error, DIGITS);
        writeln!(
            f,
            "\nResidual standard error: {} on {} degrees of freedom",
            plain(error),
            self.residual_degrees_of_freedom
        )?;
        if let Some(test) = &self.f_test {
            writeln!(
                f,
                "Multiple R-squared:  {},\tAdjusted R-squared:  {} \nF-statistic: {} on {} and {} DF,  p-value: {}",
                format_general(self.r_squared, DIGITS),
                format_general(self.adjusted_r_squared, DIGITS),
                format_general(test.statistic, DIGITS),
                plain(test.numerator_degrees_of_freedom as f64),
                plain(test.denominator_degrees_of_freedom as f64),
                format_p_values(&[test.p_value], DIGITS).concat(),
            )?;
        }
        f.write_str("\n")
    }
}

impl Summary {
    /// The standard deviations and their ratio. R's text for `lmer` has other parts.
    fn write_random_intercepts(
        &self,
        f: &mut fmt::Formatter<'_>,
        random: &RandomInterceptSummary,
    ) -> fmt::Result {
        let number = |value: f64| plain(round_significant(value, DIGITS));
        writeln!(f, "\nRandom intercepts:")?;
        writeln!(
            f,
            "{} levels of {}",
            random.effects.len(),
            Quoted(&random.group)
        )?;
        writeln!(
            f,
            "Std. deviation: {} between levels, {} within; ratio (theta) {}",
            number(random.standard_deviation),
            number(self.residual_standard_error),
            number(random.theta)
        )?;
        writeln!(f, "REML criterion: {}", number(random.reml_criterion))
    }

    /// Quantiles; with up to five degrees of freedom, every residual with its row number.
    fn write_residuals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.residual_degrees_of_freedom > 5 {
            let q = &self.residual_quantiles;
            let values = zap_small(
                &[q.min, q.first_quartile, q.median, q.third_quartile, q.max],
                DIGITS + 1,
            );
            write_named(
                f,
                &["Min", "1Q", "Median", "3Q", "Max"].map(str::to_owned),
                &values,
            )
        } else {
            let names: Vec<String> = (1..=self.residuals.len())
                .map(|row| row.to_string())
                .collect();
            write_named(f, &names, &self.residuals)
        }
    }
}

/// A named vector: as many values per line as fit, with the names above the values.
fn write_named(f: &mut fmt::Formatter<'_>, names: &[String], values: &[f64]) -> fmt::Result {
    let values = format_common(values, DIGITS);
    let width = names
        .iter()
        .chain(&values)
        .map(String::len)
        .max()
        .unwrap_or(0);
    let per_line = (LINE_WIDTH / (width + 1)).max(1);
    for (names, values) in names.chunks(per_line).zip(values.chunks(per_line)) {
        for line in [names, values] {
            line.iter()
                .try_for_each(|text| write!(f, "{text:>width$} "))?;
            f.write_str("\n")?;
        }
    }
    Ok(())
}

/// R's `printCoefmat`.
fn write_coefficients(f: &mut fmt::Formatter<'_>, coefficients: &[Coefficient]) -> fmt::Result {
    let (estimates, std_errors) = estimates_and_errors(coefficients);
    let t_values: Vec<f64> = coefficients
        .iter()
        .map(|c| round(c.t_value, DIGITS - 1))
        .collect();
    let p_values: Vec<f64> = coefficients.iter().map(|c| c.p_value).collect();
    let mut columns = vec![
        ("Estimate", estimates),
        ("Std. Error", std_errors),
        ("t value", format_common(&t_values, DIGITS)),
        ("Pr(>|t|)", format_p_values(&p_values, DIGITS - 1)),
    ];
    let starred = p_values.iter().any(|p| *p < 0.1);
    if starred {
        let marks: Vec<&str> = p_values.iter().map(|p| stars(*p)).collect();
        let width = marks.iter().map(|mark| mark.len()).max().unwrap_or(0);
        columns.push((
            "",
            marks.iter().map(|mark| format!("{mark:<width$}")).collect(),
        ));
    }
    let names: Vec<&str> = coefficients.iter().map(|c| c.term.as_str()).collect();
    write_matrix(f, &names, &columns)?;
    if starred { f.write_str(LEGEND) } else { Ok(()) }
}

/// Both columns have the same number of decimals, enough for the smallest value in them.
fn estimates_and_errors(coefficients: &[Coefficient]) -> (Vec<String>, Vec<String>) {
    let values: Vec<f64> = coefficients
        .iter()
        .map(|c| c.estimate)
        .chain(coefficients.iter().map(|c| c.std_error))
        .collect();
    let smallest = values
        .iter()
        .map(|v| v.abs())
        .filter(|v| v.is_finite() && *v != 0.0)
        .fold(f64::INFINITY, f64::min);
    let whole_digits = if smallest.is_finite() {
        1.0 + smallest.log10().floor()
    } else {
        1.0
    };
    let decimals = (DIGITS as f64 - whole_digits).max(1.0) as usize;
    let rounded: Vec<f64> = values.iter().map(|v| round(*v, decimals)).collect();
    let mut texts = format_common(&rounded, DIGITS);

    // A nonzero value must not be printed as zero.
    let vanished: Vec<usize> = (0..values.len())
        .filter(|&i| values[i] != 0.0 && texts[i].trim().parse() == Ok(0.0))
        .collect();
    let again = format_common(
        &vanished.iter().map(|&i| values[i]).collect::<Vec<_>>(),
        DIGITS - 1,
    );
    for (i, text) in vanished.into_iter().zip(again) {
        texts[i] = text;
    }
    let std_errors = texts.split_off(coefficients.len());
    (texts, std_errors)
}

/// Row names, then columns. Columns that do not fit on the line go into further blocks below.
fn write_matrix(
    f: &mut fmt::Formatter<'_>,
    names: &[&str],
    columns: &[(&str, Vec<String>)],
) -> fmt::Result {
    let name_width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let widths: Vec<usize> = columns
        .iter()
        .map(|(header, texts)| {
            texts
                .iter()
                .map(String::len)
                .chain([header.len()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut first = 0;
    while first < columns.len() {
        let mut width = name_width + 1 + widths[first];
        let mut end = first + 1;
        while end < columns.len() && width + 1 + widths[end] < LINE_WIDTH {
            width += 1 + widths[end];
            end += 1;
        }
        write!(f, "{:name_width$}", "")?;
        (first..end).try_for_each(|j| write!(f, " {:>1$}", columns[j].0, widths[j]))?;
        f.write_str("\n")?;
        for (i, name) in names.iter().enumerate() {
            write!(f, "{name:name_width$}")?;
            (first..end).try_for_each(|j| write!(f, " {:>1$}", columns[j].1[i], widths[j]))?;
            f.write_str("\n")?;
        }
        first = end;
    }
    Ok(())
}

fn stars(p_value: f64) -> &'static str {
    match p_value {
        p if p <= 0.001 => "***",
        p if p <= 0.01 => "**",
        p if p <= 0.05 => "*",
        p if p <= 0.1 => ".",
        _ => "",
    }
}

/// A single number as R's `format` writes it.
fn plain(value: f64) -> String {
    format_common(&[value], 7).concat()
}
