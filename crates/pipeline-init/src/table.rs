//! The printed table.

use std::fmt::Write;

use crate::columns::{Choice, Role, shown};

/// One line for each column: its name, what it is used for, and its values.
pub fn columns(choices: &[Choice], formula: &[&str]) -> String {
    let lines: Vec<[String; 3]> = choices.iter().map(|choice| line(choice, formula)).collect();
    let width = |index: usize| {
        lines
            .iter()
            .map(|line| line[index].chars().count())
            .max()
            .unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    let mut table = String::new();
    for [name, use_as, content] in &lines {
        let padding = first - name.chars().count();
        let line = format!("  {name}{:padding$}  {use_as:second$}  {content}", "");
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}

fn line(choice: &Choice, formula: &[&str]) -> [String; 3] {
    let is_used = formula.contains(&choice.name.as_str());
    let (use_as, content) = match &choice.role {
        Role::Key => ("key", String::new()),
        Role::Time => ("time", String::new()),
        Role::Target => ("predicted", choice.content.clone()),
        Role::Number if is_used => ("number", choice.content.clone()),
        Role::Category if is_used => ("category", choice.content.clone()),
        Role::Grouped if is_used => ("(1 | …)", choice.content.clone()),
        Role::Number | Role::Category | Role::Grouped => ("not in formula", choice.content.clone()),
        Role::LeftOut(reason) => ("left out", reason.clone()),
    };
    [shown(&choice.name), use_as.to_owned(), content]
}

/// A number with three significant digits; whole numbers with all digits.
pub fn rounded(value: f64) -> String {
    if value.fract() == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits = 2 - value.abs().log10().floor() as i32;
    if digits > 6 {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.*}", usize::try_from(digits).unwrap_or(0));
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn numbers_have_three_digits_or_are_whole() {
        for (value, expected) in [
            (0.0, "0"),
            (53940.0, "53940"),
            (0.123456, "0.123"),
            (12345.6, "12346"),
            (1.999, "2"),
            (4.49e-16, "4.49e-16"),
        ] {
            assert_eq!(rounded(value), expected);
        }
    }
}
