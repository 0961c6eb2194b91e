//! Kinds of statements, and the settings that the client stores.
//!
//! A server applies `SET` and `DEFINE` only to the rest of the same request. The client stores them and
//! sends them with every later request.

use std::collections::BTreeMap;
use std::fmt;

use ksql_parser::lexer::{Literal, TokenKind, tokens};
use ksql_parser::split::{Rest, StatementText, split};
use serde::Serialize;

/// How a statement is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `SELECT`: to `/query`, which answers with rows.
    Select,
    /// `PRINT`: to `/query`, which answers with text.
    Print,
    /// `SET` and similar statements: to `/ksql`, and stored for later requests.
    Setting(Setting),
    /// Any other: to `/ksql`.
    Command,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    pub(crate) source: StatementText<'a>,
    pub(crate) kind: Kind,
}

impl<'a> Statement<'a> {
    /// The statements of a script, and what follows the last one.
    pub(crate) fn all(script: &'a str) -> (Vec<Self>, Rest) {
        let (texts, rest) = split(script);
        let statement = |source: StatementText<'a>| Self {
            source,
            kind: kind(source.text),
        };
        (texts.into_iter().map(statement).collect(), rest)
    }

    /// Whether it is sent to `/query`, in a separate request.
    pub(crate) fn is_query(&self) -> bool {
        matches!(self.kind, Kind::Select | Kind::Print)
    }

    /// The number of rows in its `LIMIT` clause, which is always the last one.
    pub(crate) fn limit(&self) -> Option<u64> {
        let tokens = tokens(self.source.text).ok()?;
        match tokens.last_chunk()?.each_ref().map(|token| &token.kind) {
            [
                TokenKind::Word(word),
                TokenKind::Literal(Literal::Integer(rows)),
                TokenKind::Symbol(";"),
            ] if word.eq_ignore_ascii_case("LIMIT") => u64::try_from(*rows).ok(),
            _ => None,
        }
    }

    /// Whether a part of it is on this line.
    pub(crate) fn is_on_line(&self, line: usize) -> bool {
        let StatementText {
            text, line: first, ..
        } = self.source;
        (first..=first + text.matches('\n').count()).contains(&line)
    }
}

/// A script with each statement at its line and column in the file, so that positions in the server's
/// messages refer to the file.
pub(crate) fn in_place(statements: &[Statement<'_>]) -> String {
    let (mut script, mut line, mut column) = (String::new(), 1, 1);
    for StatementText {
        text,
        line: first_line,
        column: first_column,
    } in statements.iter().map(|statement| statement.source)
    {
        if line < first_line {
            script.extend(std::iter::repeat_n('\n', first_line - line));
            (line, column) = (first_line, 1);
        }
        script.extend(std::iter::repeat_n(
            ' ',
            first_column.saturating_sub(column),
        ));
        column = column.max(first_column);
        script.push_str(text);
        line += text.matches('\n').count();
        column = match text.rsplit_once('\n') {
            Some((_, last)) => 1 + last.chars().count(),
            None => column + text.chars().count(),
        };
    }
    script
}

fn kind(text: &str) -> Kind {
    let word = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next();
    match word.unwrap_or_default().to_ascii_uppercase().as_str() {
        "SELECT" => Kind::Select,
        "PRINT" => Kind::Print,
        word => setting(word, text).map_or(Kind::Command, Kind::Setting),
    }
}

/// The setting; `None` for other statements, and for a malformed setting, which the server rejects.
fn setting(word: &str, text: &str) -> Option<Setting> {
    use TokenKind::{Literal as Constant, Symbol, Word};

    if !matches!(word, "SET" | "UNSET" | "DEFINE" | "UNDEFINE") {
        return None;
    }
    let tokens: Vec<_> = tokens(text)
        .ok()?
        .into_iter()
        .map(|token| token.kind)
        .collect();
    let (Word(_), tokens) = tokens.split_first()? else {
        return None;
    };
    Some(match (word, tokens) {
        (
            "SET",
            [
                Constant(Literal::Text(name)),
                Symbol("="),
                Constant(Literal::Text(value)),
                Symbol(";"),
            ],
        ) => Setting::Set(name.clone(), value.clone()),
        ("UNSET", [Constant(Literal::Text(name)), Symbol(";")]) => Setting::Unset(name.clone()),
        (
            "DEFINE",
            [
                Word(name),
                Symbol("="),
                Constant(Literal::Text(value)),
                Symbol(";"),
            ],
        ) => Setting::Define(name.clone(), value.clone()),
        ("UNDEFINE", [Word(name), Symbol(";")]) => Setting::Undefine(name.clone()),
        _ => return None,
    })
}

/// A statement that changes how later statements are executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// `SET 'property' = 'value'`.
    Set(String, String),
    /// `UNSET 'property'`.
    Unset(String),
    /// `DEFINE variable = 'value'`.
    Define(String, String),
    /// `UNDEFINE variable`.
    Undefine(String),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(name, value) => write!(f, "From now on {name} is {value}"),
            Self::Unset(name) => write!(f, "From now on {name} is the server's default"),
            Self::Define(name, value) => write!(f, "From now on ${{{name}}} is {value}"),
            Self::Undefine(name) => write!(f, "From now on ${{{name}}} is not defined"),
        }
    }
}

/// The settings that every request carries.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    streams_properties: BTreeMap<String, String>,
    session_variables: BTreeMap<String, String>,
}

impl Settings {
    pub(crate) fn apply(&mut self, setting: &Setting) {
        match setting.clone() {
            Setting::Set(name, value) => self.streams_properties.insert(name, value),
            Setting::Unset(name) => self.streams_properties.remove(&name),
            Setting::Define(name, value) => self.session_variables.insert(name, value),
            Setting::Undefine(name) => self.session_variables.remove(&name),
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn queries_and_settings_are_recognized() {
        let set = |name: &str, value: &str| Kind::Setting(Setting::Set(name.into(), value.into()));
        for (text, kind) in [
            ("set 'a' = 'it''s';", set("a", "it's")),
            ("SET a='b';", Kind::Command),
            ("SET 'a'='b' 'c';", Kind::Command),
            ("select 1;", Kind::Select),
            ("PRINT 'SET';", Kind::Print),
            ("EXPLAIN SELECT 1;", Kind::Command),
            (
                "UNSET /* it */ 'a';",
                Kind::Setting(Setting::Unset("a".into())),
            ),
            (
                "DEFINE x='1';",
                Kind::Setting(Setting::Define("x".into(), "1".into())),
            ),
            ("undefine x;", Kind::Setting(Setting::Undefine("x".into()))),
            ("SETTLE;", Kind::Command),
            ("SET 'a'='${b} ?';", set("a", "${b} ?")),
            ("SHOW ${b} ?;", Kind::Command),
        ] {
            let (statements, rest) = Statement::all(text);
            assert_eq!(
                (&statements[0].kind, rest),
                (&kind, Rest::Nothing),
                "{text}"
            );
        }
    }

    #[test]
    fn only_a_last_limit_counts() {
        for (text, limit) in [
            (
                "SELECT * FROM S EMIT CHANGES limit 2 -- LIMIT 3\n;",
                Some(2),
            ),
            ("SELECT * FROM S EMIT CHANGES;", None),
            ("SELECT LIMIT 2, X FROM S;", None),
            ("SELECT 'LIMIT 2;' FROM S;", None),
        ] {
            assert_eq!(Statement::all(text).0[0].limit(), limit, "{text}");
        }
    }

    proptest! {
        #[test]
        fn statements_keep_their_positions(text in "[a-z;'\"`\\-*/ \nä]{0,60}") {
            let (statements, _) = Statement::all(&text);
            let script = in_place(&statements);
            prop_assert_eq!(Statement::all(&script).0, statements);
        }
    }
}
