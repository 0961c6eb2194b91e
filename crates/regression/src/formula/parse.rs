//! Parses a [`Formula`].

use std::str::FromStr;

use super::{Formula, FormulaError, Item, Operand};
use crate::function::Function;

const AFTER_OPERAND: &str = "`+`, `:`, `*`, `- 1` or the end";
const TERM: &str = "a column's name, a function of one, `0`, `1` or `(1 | group)`";

impl FromStr for Formula {
    type Err = FormulaError;

    fn from_str(text: &str) -> Result<Self, FormulaError> {
        let mut scanner = Scanner { text, rest: text };
        let response = scanner.response()?;
        scanner.symbol('~', "`~` after the response")?;
        let mut items = Vec::new();
        scanner.item(true, &mut items)?;
        while !scanner.at_end() {
            scanner.item(false, &mut items)?;
        }
        Self::from_items(response, items)
    }
}

impl TryFrom<String> for Formula {
    type Error = FormulaError;

    fn try_from(text: String) -> Result<Self, FormulaError> {
        text.parse()
    }
}

/// Whether a name needs no backticks: it consists of letters, digits, `.` and `_`, starts with a
/// letter or a `.`, and has no digit after a leading `.`. A lone `.` means all other columns in R.
pub(super) fn is_plain_word(name: &str) -> bool {
    let mut chars = name.chars();
    let has_valid_start = match chars.next() {
        Some('.') => name != "." && !name[1..].starts_with(|c: char| c.is_ascii_digit()),
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
    fn response(&mut self) -> Result<Operand, FormulaError> {
        let expected = "the response's name, or `log`, `sqrt` or `exp` of it";
        self.skip_space();
        let start = self.rest;
        let response = self.operand(expected)?;
        if matches!(response.function, Function::Power(_)) {
            self.rest = start;
            return Err(self.syntax(expected));
        }
        Ok(response)
    }

    /// One item with the sign before it, which only the first item may lack.
    fn item(&mut self, is_first: bool, items: &mut Vec<Item>) -> Result<(), FormulaError> {
        if self.take('-') {
            self.skip_space();
            if self.digits() != "1" {
                return Err(self.syntax("`1`: only the intercept can be removed"));
            }
            self.take('1');
            items.push(Item::MinusOne);
            return Ok(());
        }
        if !is_first {
            self.symbol('+', AFTER_OPERAND)?;
        }
        self.skip_space();
        match self.digits() {
            "0" => items.push(Item::Zero),
            // As in R, the last statement about the intercept holds, and it is included by default.
            "1" => items.retain(|item| !item.removes_intercept()),
            _ if self.take('(') => {
                items.push(self.random_intercept()?);
                return Ok(());
            }
            _ => {
                let mut parts = vec![self.interaction()?];
                while self.take('*') {
                    parts.push(self.interaction()?);
                }
                items.push(Item::Crossing(parts));
                return Ok(());
            }
        }
        self.rest = &self.rest[1..];
        Ok(())
    }

    /// `1 | group)`, after the opening parenthesis.
    fn random_intercept(&mut self) -> Result<Item, FormulaError> {
        self.skip_space();
        if self.digits() != "1" {
            return Err(self.syntax("`1 | group`: parentheses have no other use"));
        }
        self.take('1');
        self.symbol('|', "`|`, as in `(1 | group)`")?;
        self.skip_space();
        let group = self.name("the name of a column")?.to_owned();
        self.symbol(')', "`)`: a group is one column")?;
        Ok(Item::RandomIntercept(group))
    }

    fn interaction(&mut self) -> Result<Vec<Operand>, FormulaError> {
        let mut operands = vec![self.operand(TERM)?];
        while self.take(':') {
            operands.push(self.operand("a column's name, or a function of one")?);
        }
        Ok(operands)
    }

    /// A name, or a function of a name.
    fn operand(&mut self, expected: &'static str) -> Result<Operand, FormulaError> {
        self.skip_space();
        let start = self.rest;
        let name = self.name(expected)?;
        if start.starts_with('`') || !self.take('(') {
            return Ok(Operand::column(name.to_owned()));
        }
        let name = match name {
            "log" | "sqrt" | "exp" | "I" => name,
            _ => {
                self.rest = start;
                return Err(self.syntax("one of the functions `log`, `sqrt`, `exp` and `I`"));
            }
        };
        let column = self.name("the name of a column")?.to_owned();
        let function = match name {
            "log" => Function::Log,
            "sqrt" => Function::Sqrt,
            "exp" => Function::Exp,
            _ => {
                self.symbol('^', "`^`, as in `I(a^2)`")?;
                Function::Power(self.exponent()?)
            }
        };
        self.symbol(')', "`)`")?;
        Ok(Operand {
            function,
            name: column,
        })
    }

    fn exponent(&mut self) -> Result<u8, FormulaError> {
        self.skip_space();
        let digits = self.digits();
        match digits.parse() {
            Ok(exponent @ 2..=9) if digits.len() == 1 => {
                self.rest = &self.rest[1..];
                Ok(exponent)
            }
            _ => Err(self.syntax("a whole number from 2 to 9")),
        }
    }

    /// The digits that follow, and word characters after them: `1` but not `10`, `1.5` or `1st`.
    fn digits(&self) -> &'a str {
        let end = self.rest.find(|c| !is_word_character(c));
        let word = &self.rest[..end.unwrap_or(self.rest.len())];
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            word
        } else {
            ""
        }
    }

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

    #[track_caller]
    fn assert_error(text: &str, position: usize, expected: &str) {
        match text.parse::<Formula>() {
            Err(FormulaError::Syntax {
                position: at,
                expected: what,
                ..
            }) => {
                assert_eq!(at, position, "{text}: {what}");
                assert!(what.contains(expected), "{text}: {what}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[track_caller]
    fn assert_display(text: &str, expected: &str) {
        let formula: Formula = text.parse().unwrap();
        assert_eq!(formula.to_string(), expected);
        assert_eq!(expected.parse::<Formula>().unwrap(), formula);
    }

    #[test]
    fn terms_keep_the_order_written() {
        let formula: Formula = " weight~length +height+ species".parse().unwrap();
        assert_eq!(formula.response(), "weight");
        assert_eq!(formula.variables(), ["length", "height", "species"]);
        assert_eq!(formula.to_string(), "weight ~ length + height + species");
    }

    #[test]
    fn operators_and_functions_are_written_as_by_r() {
        assert_display(
            "log( weight )~log(length)*species+I( length ^ 2 )",
            "log(weight) ~ log(length) * species + I(length^2)",
        );
        assert_display("y ~ sqrt(a):exp(b)+log:I", "y ~ sqrt(a):exp(b) + log:I");
    }

    #[test]
    fn the_intercept_can_be_removed() {
        assert_display("y ~ 0+a", "y ~ 0 + a");
        assert_display("y ~ a-1 +b", "y ~ a - 1 + b");
        assert_display("y ~ -1+a", "y ~ -1 + a");
        assert_display("y ~ a + 0 - 1", "y ~ a - 1");
        assert_display("y ~ 0 + a + 1", "y ~ a");
        assert_display("y ~ 1 + a", "y ~ a");
        assert_display("y ~ 1", "y ~ 1");
        for text in ["y ~ 0", "y ~ -1", "y ~ 1 - 1"] {
            assert_eq!(text.parse::<Formula>(), Err(FormulaError::Empty), "{text}");
        }
    }

    #[test]
    fn one_column_can_have_random_intercepts() {
        assert_display("y~a+(1|`a b`) + b", "y ~ a + (1 | `a b`) + b");
        assert_display("y ~ 0 + (1 | g) + a + 1", "y ~ (1 | g) + a");
        let formula: Formula = "y ~ a + (1 | g) + b".parse().unwrap();
        assert_eq!(formula.variables(), ["a", "g", "b"]);
        assert_eq!(formula.group(), Some("g"));
        assert_eq!(
            "y ~ (1 | g) + (1 | h)".parse::<Formula>(),
            Err(FormulaError::SeveralGroups("g".into(), "h".into()))
        );
        assert_eq!(
            "y ~ a:g + (1 | g)".parse::<Formula>(),
            Err(FormulaError::GroupAsTerm("g".into()))
        );
        assert_eq!(
            "y ~ a + (1 | y)".parse::<Formula>(),
            Err(FormulaError::ResponseAsTerm("y".into()))
        );
    }

    #[test]
    fn names_that_are_not_plain_words_need_backticks() {
        let formula: Formula = "`net weight` ~ `1st ~ \"length\"` + .höhe_2 + log(`a b`)"
            .parse()
            .unwrap();
        assert_eq!(formula.variables(), ["1st ~ \"length\"", ".höhe_2", "a b"]);
        assert_eq!(
            formula.to_string(),
            "`net weight` ~ `1st ~ \"length\"` + .höhe_2 + log(`a b`)"
        );
        assert_eq!(Formula::new("y", [".2x"]).unwrap().to_string(), "y ~ `.2x`");
        assert_eq!(Formula::new("y", ["."]).unwrap().to_string(), "y ~ `.`");
    }

    #[test]
    fn unsupported_syntax_is_rejected_with_its_position() {
        assert_error("", 1, "the response's name");
        assert_error("weight", 7, "`~` after the response");
        assert_error("weight ~", 9, "a column's name");
        assert_error("größe ~ length +", 17, "a column's name");
        assert_error("weight ~ `length", 11, "a closing backtick");
        assert_error("weight ~ .", 10, "a column's name");
        assert_error("weight ~ 2 + length", 10, "a column's name");
        assert_error("weight ~ 10", 10, "a column's name");
        assert_error("weight ~ (a + b)", 11, "parentheses have no other use");
        assert_error("weight ~ (a | b)", 11, "parentheses have no other use");
        assert_error("weight ~ (1 + a | b)", 13, "`|`");
        assert_error("weight ~ (1 || b)", 14, "the name of a column");
        assert_error("weight ~ (1 | a:b)", 16, "a group is one column");
        assert_error("weight ~ a^2", 11, "the end");
        assert_error("weight ~ a / b", 12, "the end");
        assert_error("weight ~ a %in% b", 12, "the end");
        assert_error("weight ~ a - b", 14, "only the intercept");
        assert_error("weight ~ a - 0", 14, "only the intercept");
        assert_error("weight ~ log10(a)", 10, "one of the functions");
        assert_error("weight ~ log(a + 1)", 16, "`)`");
        assert_error("weight ~ log(log(a))", 17, "`)`");
        assert_error("weight ~ I(a)", 13, "`^`");
        assert_error("weight ~ I(a^1)", 14, "from 2 to 9");
        assert_error("weight ~ I(a^2.5)", 14, "from 2 to 9");
        assert_error("weight ~ I(a^10)", 14, "from 2 to 9");
        assert_error("weight ~ a::b", 12, "a column's name");
        assert_error("I(weight^2) ~ a", 1, "the response's name");
        assert_error("log10(weight) ~ a", 1, "one of the functions");
    }

    #[test]
    fn names_are_valid_and_the_response_is_not_a_term() {
        for text in ["y ~ a + y", "y ~ a:log(y)", "log(y) ~ a * y"] {
            assert_eq!(
                text.parse::<Formula>(),
                Err(FormulaError::ResponseAsTerm("y".into())),
                "{text}"
            );
        }
        assert_eq!(
            "y ~ ``".parse::<Formula>(),
            Err(FormulaError::Name(String::new()))
        );
        assert_eq!(
            Formula::new("y", ["a`b"]),
            Err(FormulaError::Name("a`b".into()))
        );
        assert_eq!(
            "y ~ a * b * c * d * e * f * g".parse::<Formula>(),
            Err(FormulaError::TooManyCrossed(7))
        );
    }
}
