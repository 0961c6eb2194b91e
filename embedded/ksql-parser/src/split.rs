//! Splits a script into statements without parsing them.
//!
//! Clients need this, because they also send statements that only the server can parse.

use winnow::Parser;
use winnow::stream::{LocatingSlice, Location, Stream};

use crate::error::position;
use crate::lexer::{quoted, space};

/// The text of one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementText<'t> {
    /// From its first token to its semicolon.
    pub text: &'t str,
    /// Line of its first token, from 1.
    pub line: usize,
    /// Column of its first token in characters, from 1.
    pub column: usize,
}

/// What follows the last semicolon of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Only white space and comments.
    Nothing,
    /// A statement without a semicolon.
    Unfinished,
    /// A quote or comment that is opened on this line (from 1) and not closed.
    Unclosed(&'static str, usize),
}

/// Splits a script at the semicolons outside of quotes and comments. Skips empty statements.
pub fn split(script: &str) -> (Vec<StatementText<'_>>, Rest) {
    let mut input = LocatingSlice::new(script);
    let mut statements = Vec::new();
    let mut start = None;
    loop {
        let closed = space(&mut input).is_ok();
        let at = input.current_token_start();
        let unclosed = |what| Rest::Unclosed(what, position(script, at).0);
        if !closed {
            return (statements, unclosed("comment"));
        }
        let Some(c) = input.chars().next() else {
            return (
                statements,
                start.map_or(Rest::Nothing, |_| Rest::Unfinished),
            );
        };
        if c == ';' {
            let _ = input.next_token();
            if let Some(start) = start.take() {
                let text = script.get(start..=at).unwrap_or_default();
                let (line, column) = position(script, start);
                statements.push(StatementText { text, line, column });
            }
            continue;
        }
        start.get_or_insert(at);
        if !matches!(c, '\'' | '"' | '`') {
            let _ = input.next_token();
        } else if quoted(c).parse_next(&mut input).is_err() {
            return (statements, unclosed("quote"));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(script: &str) -> Vec<&str> {
        split(script).0.iter().map(|s| s.text).collect()
    }

    #[test]
    fn semicolons_in_quotes_and_comments_do_not_split() {
        let script =
            "-- a; b\nSHOW /* ; */ STREAMS; SELECT ';''', \"a;\", `b;` FROM ${X}; -- c;\n;;";
        let expected = [
            "SHOW /* ; */ STREAMS;",
            "SELECT ';''', \"a;\", `b;` FROM ${X};",
        ];
        assert_eq!(texts(script), expected);
        assert_eq!(split(script).1, Rest::Nothing);
    }

    #[test]
    fn an_empty_comment_hides_the_next_line() {
        for (script, expected) in [
            ("--\nA;\nB;", ["B;"].as_slice()),
            ("-- \nA;", &["A;"]),
            ("--\r\nA;", &["A;"]),
            ("--\n\nA;", &["A;"]),
            ("-- a\rA;", &["A;"]),
            ("A;--", &["A;"]),
        ] {
            assert_eq!(texts(script), expected, "{script:?}");
        }
    }

    #[test]
    fn each_statement_has_its_line_and_column() {
        let (statements, _) = split("A; -- ä\n ä B\n;\n\n/* ä */ C;");
        let places: Vec<_> = statements.iter().map(|s| (s.line, s.column)).collect();
        assert_eq!(places, [(1, 1), (2, 2), (5, 9)]);
    }

    #[test]
    fn an_unfinished_statement_quote_or_comment_is_reported() {
        for (script, rest) in [
            ("SHOW STREAMS; -- x\n SHOW", Rest::Unfinished),
            ("A;\nB 'x;\n", Rest::Unclosed("quote", 2)),
            ("A; \"x", Rest::Unclosed("quote", 1)),
            ("A;\n\n/* B;", Rest::Unclosed("comment", 3)),
        ] {
            assert_eq!(split(script).1, rest, "{script}");
        }
    }

    /// A statement without its semicolon, with quotes and comments that contain semicolons.
    fn statement() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[A-Za-z_0-9äß]{1,6}",
            "'([a-z;\"`\n-]|''|/\\*)*'",
            "\"([a-z;'`é-]|\"\")*\"",
            "`([a-z;'\"-]|``)*`",
            "--[a-z;'\"`*/ ][a-z;'\"`*/ ]*\n",
            "/\\*[a-z;'\"`\n-]*\\*/",
            "[=<>(),.]",
        ];
        ("[A-Z]{2,8}", prop::collection::vec(part, 0..8))
            .prop_map(|(word, parts)| format!("{word} {}", parts.join(" ")))
    }

    proptest! {
        #[test]
        fn joined_statements_are_split_again(
            statements in prop::collection::vec(statement(), 0..6),
            blank in prop::sample::select(vec!["", " ", "\r\n\t", " -- ';\n", "/* ; ' */", "\n;\n"]),
        ) {
            let ended: Vec<_> = statements.iter().map(|text| format!("{text};")).collect();
            let script = format!("{blank}{}{blank}", ended.join(blank));
            prop_assert_eq!(split(&script).1, Rest::Nothing);
            prop_assert_eq!(texts(&script), ended);
        }

        #[test]
        fn any_text_is_split(text in "[a-z;'\"`\\-*/ \nä]{0,60}") {
            for statement in split(&text).0 {
                prop_assert!(statement.text.ends_with(';'));
            }
        }
    }
}
