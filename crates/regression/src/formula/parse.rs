//! Parses a [`Formula`].

use std::str::FromStr;

use super::{Formula, FormulaError};

impl FromStr for Formula {
    type Err = FormulaError;

    fn from_str(text: &str) -> Result<Self, FormulaError> {
        let mut scanner = Scanner { text, rest: text };
        let response = scanner.name("the response's name")?;
        scanner.symbol('~', "`~` after the response")?;
        let mut terms = Vec::new();
        // `~ 1` is the intercept alone. As in R, a `1` before other terms changes nothing.
        if !scanner.take('1') {
            terms.push(scanner.name("a term's name, or `1`")?);
        }
        while !scanner.at_end() {
            scanner.symbol('+', "`+` or the end")?;
            terms.push(scanner.name("a term's name")?);
        }
        Self::new(response, terms)
    }
}

impl TryFrom<String> for Formula {
    type Error = FormulaError;

    fn try_from(text: String) -> Result<Self, FormulaError> {
        text.parse()
    }
}

/// Whether a name needs no backticks: it consists of letters, digits, `.` and `_`, starts with a
/// letter or a `.`, and has no digit after a leading `.`.
pub(super) fn is_plain_word(name: &str) -> bool {
    let mut chars = name.chars();
    let has_valid_start = match chars.next() {
        Some('.') => !name[1..].starts_with(|c: char| c.is_ascii_digit()),
        Some(first) => first.is_alphabetic(),
        None => false,
    };
    has_valid_start && chars.all(is_word_character)
}

fn is_word_character(c: char) -> bool {
    c.is_alphanumeric() || c == '.' || c == '_'
}

struct Scanner<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn at_end(&mut self) -> bool {
        self.skip_space();
        self.rest.is_empty()
    }

    fn take(&mut self, symbol: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn symbol(&mut self, symbol: char, expected: &'static str) -> Result<(), FormulaError> {
        if self.take(symbol) {
            Ok(())
        } else {
            Err(self.syntax(expected))
        }
    }

    fn name(&mut self, expected: &'static str) -> Result<&'a str, FormulaError> {
        if self.take('`') {
            let (name, rest) = self
                .rest
                .split_once('`')
                .ok_or_else(|| self.syntax("a closing backtick"))?;
            self.rest = rest;
            return Ok(name);
        }
        let end = self
            .rest
            .find(|c| !is_word_character(c))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if !is_plain_word(name) {
            return Err(self.syntax(expected));
        }
        self.rest = rest;
        Ok(name)
    }

    fn syntax(&self, expected: &'static str) -> FormulaError {
        let before = &self.text[..self.text.len() - self.rest.len()];
        FormulaError::Syntax {
            formula: self.text.to_owned(),
            position: before.chars().count() + 1,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syntax_error(text: &str) -> (usize, &'static str) {
        match text.parse::<Formula>() {
            Err(FormulaError::Syntax {
                position, expected, ..
            }) => (position, expected),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn terms_keep_the_order_written() {
        let formula: Formula = " weight~length +height+ species".parse().unwrap();
        assert_eq!(formula.response(), "weight");
        assert_eq!(formula.terms(), ["length", "height", "species"]);
        assert_eq!(formula.to_string(), "weight ~ length + height + species");
    }

    #[test]
    fn a_formula_without_terms_is_written_as_1() {
        let formula: Formula = "weight ~ 1".parse().unwrap();
        assert!(formula.terms().is_empty());
        assert_eq!(formula.to_string(), "weight ~ 1");
        assert_eq!(
            "weight ~ 1 + length"
                .parse::<Formula>()
                .unwrap()
                .to_string(),
            "weight ~ length"
        );
    }

    #[test]
    fn names_that_are_not_plain_words_need_backticks() {
        let formula: Formula = "`net weight` ~ `1st ~ length` + .höhe_2".parse().unwrap();
        assert_eq!(formula.terms(), ["1st ~ length", ".höhe_2"]);
        assert_eq!(
            formula.to_string(),
            "`net weight` ~ `1st ~ length` + .höhe_2"
        );
        assert_eq!(Formula::new("y", [".2x"]).unwrap().to_string(), "y ~ `.2x`");
    }

    #[test]
    fn unsupported_syntax_is_rejected_with_its_position() {
        assert_eq!(syntax_error(""), (1, "the response's name"));
        assert_eq!(syntax_error("weight"), (7, "`~` after the response"));
        assert_eq!(syntax_error("weight ~"), (9, "a term's name, or `1`"));
        assert_eq!(syntax_error("größe ~ length +"), (17, "a term's name"));
        assert_eq!(
            syntax_error("weight ~ length * height"),
            (17, "`+` or the end")
        );
        assert_eq!(syntax_error("weight ~ log(length)"), (13, "`+` or the end"));
        assert_eq!(
            syntax_error("weight ~ 0 + length"),
            (10, "a term's name, or `1`")
        );
        assert_eq!(syntax_error("weight ~ `length"), (11, "a closing backtick"));
    }

    #[test]
    fn a_name_cannot_occur_twice() {
        assert_eq!(
            "y ~ a + b + a".parse::<Formula>(),
            Err(FormulaError::DuplicateTerm("a".into()))
        );
        assert_eq!(
            "y ~ a + y".parse::<Formula>(),
            Err(FormulaError::ResponseAsTerm("y".into()))
        );
        assert_eq!(
            "y ~ ``".parse::<Formula>(),
            Err(FormulaError::Name(String::new()))
        );
        assert_eq!(
            Formula::new("y", ["a`b"]),
            Err(FormulaError::Name("a`b".into()))
        );
    }
}
