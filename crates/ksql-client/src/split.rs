//! A text into statements.

use crate::lex::{Token, Tokens, Unclosed};
use crate::settings::Setting;

/// Who a statement is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SELECT`: rows, from `/query`.
    Select,
    /// `PRINT`: text, from `/query`.
    Print,
    /// `SET` and its like: for the server and for later requests.
    Setting(Setting),
    /// Any other: `/ksql`.
    Request,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// From its first token to its semicolon.
    pub text: &'a str,
    /// What kind it is.
    pub kind: Kind,
    /// Line of its first token, from 1.
    pub line: usize,
    /// Column of its first token in characters, from 1.
    pub column: usize,
}

impl Statement<'_> {
    /// Whether it goes to `/query`, alone.
    pub fn is_query(&self) -> bool {
        matches!(self.kind, Kind::Select | Kind::Print)
    }

    /// Line of its semicolon, from 1.
    pub fn last_line(&self) -> usize {
        self.line + self.text.matches('\n').count()
    }
}

/// What follows the last semicolon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Blanks and comments.
    Nothing,
    /// A statement without a semicolon that begins at this byte.
    Unfinished(usize),
    /// A quote or comment that is opened on this line, from 1, and not closed.
    Unclosed(&'static str, usize),
}

/// A text's statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script<'a> {
    /// Those that end with a semicolon, in order, empty ones left out.
    pub statements: Vec<Statement<'a>>,
    /// What is left.
    pub rest: Rest,
}

impl<'a> Script<'a> {
    /// Splits a text at the semicolons that are outside of quotes and comments.
    pub fn of(text: &'a str) -> Self {
        let mut statements = Vec::new();
        let mut tokens: Vec<Token<'a>> = Vec::new();
        let mut place = Place::default();
        for token in Tokens::new(text) {
            match token {
                Ok(token) if token.text == ";" => {
                    if let Some(first) = tokens.first() {
                        let between = text.get(place.byte..first.start).unwrap_or_default();
                        place.pass(between);
                        let statement = text.get(first.start..token.end()).unwrap_or_default();
                        statements.push(Statement {
                            text: statement,
                            kind: kind(&tokens),
                            line: place.line,
                            column: place.column,
                        });
                        place.pass(statement);
                    }
                    tokens.clear();
                }
                Ok(token) => tokens.push(token),
                Err(Unclosed { what, start }) => {
                    place.pass(text.get(place.byte..start).unwrap_or_default());
                    let rest = Rest::Unclosed(what, place.line);
                    return Self { statements, rest };
                }
            }
        }
        let rest = tokens
            .first()
            .map_or(Rest::Nothing, |first| Rest::Unfinished(first.start));
        Self { statements, rest }
    }
}

/// The statements as a text in which each stands on the line and in the column where it was, so
/// that a server's messages name places of the file that they came from.
pub fn in_place(statements: &[Statement<'_>]) -> String {
    let mut text = String::new();
    let mut place = Place::default();
    for statement in statements {
        while place.line < statement.line {
            text.push('\n');
            place.pass("\n");
        }
        while place.column < statement.column {
            text.push(' ');
            place.pass(" ");
        }
        text.push_str(statement.text);
        place.pass(statement.text);
    }
    text
}

fn kind(tokens: &[Token<'_>]) -> Kind {
    match tokens.first() {
        Some(first) if first.is("SELECT") => Kind::Select,
        Some(first) if first.is("PRINT") => Kind::Print,
        _ => Setting::parse(tokens).map_or(Kind::Request, Kind::Setting),
    }
}

struct Place {
    byte: usize,
    line: usize,
    column: usize,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            byte: 0,
            line: 1,
            column: 1,
        }
    }
}

impl Place {
    fn pass(&mut self, text: &str) {
        self.byte += text.len();
        match text.rsplit_once('\n') {
            Some((before, last)) => {
                self.line += 1 + before.matches('\n').count();
                self.column = 1 + last.chars().count();
            }
            None => self.column += text.chars().count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        Script::of(text).statements.iter().map(|s| s.text).collect()
    }

    #[test]
    fn semicolons_in_quotes_and_comments_split_nothing() {
        let text = "-- a; b\nSHOW /* ; */ STREAMS; SELECT ';''', \"a;\", `b;` FROM X; -- c;\n;;";
        assert_eq!(
            texts(text),
            [
                "SHOW /* ; */ STREAMS;",
                "SELECT ';''', \"a;\", `b;` FROM X;"
            ]
        );
        assert_eq!(Script::of(text).rest, Rest::Nothing);
    }

    #[test]
    fn what_is_not_finished_or_not_closed_is_told_with_its_place() {
        assert_eq!(
            Script::of("SHOW STREAMS; -- x\n SHOW").rest,
            Rest::Unfinished(20)
        );
        assert_eq!(Script::of("A;\nB 'x;\n").rest, Rest::Unclosed("quote", 2));
        assert_eq!(Script::of("A;\n\n/* B;").rest, Rest::Unclosed("comment", 3));
    }

    #[test]
    fn settings_and_queries_are_told_from_requests() {
        let text = "set 'a' = 'it''s'; SET a='b'; select 1; PRINT 'SET'; EXPLAIN SELECT 1; \
                    UNSET 'a'; DEFINE x='1'; undefine x; SETTLE;";
        let kinds: Vec<_> = Script::of(text)
            .statements
            .into_iter()
            .map(|s| s.kind)
            .collect();
        let set = |setting| Kind::Setting(setting);
        assert_eq!(
            kinds,
            [
                set(Setting::Set("a".into(), "it's".into())),
                Kind::Request,
                Kind::Select,
                Kind::Print,
                Kind::Request,
                set(Setting::Unset("a".into())),
                set(Setting::Define("x".into(), "1".into())),
                set(Setting::Undefine("x".into())),
                Kind::Request,
            ]
        );
    }

    /// A statement without its semicolon, with everything that could confuse a splitter.
    fn statement() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[A-Za-z_0-9äß]{1,6}",
            "'([a-z;\"`\n-]|''|/\\*)*'",
            "\"([a-z;'`é-]|\"\")*\"",
            "`([a-z;'\"-]|``)*`",
            "--[a-z;'\"`*/ ]*\n",
            "/\\*[a-z;'\"`\n-]*\\*/",
            "[=<>(),.]",
        ];
        ("[A-Z]{2,8}", prop::collection::vec(part, 0..8))
            .prop_map(|(word, parts)| format!("{word} {}", parts.join(" ")))
    }

    fn blank() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "",
            " ",
            "\n",
            "\r\n\t",
            " -- ';\n",
            "/* ; ' */",
            "\n;\n",
        ])
    }

    proptest! {
        #[test]
        fn statements_come_out_as_they_were_joined(
            parts in prop::collection::vec((blank(), statement()), 0..6), last in blank(),
        ) {
            let mut text = String::new();
            let mut expected = Vec::new();
            for (blank, statement) in &parts {
                text.push_str(blank);
                text.push_str(statement);
                text.push(';');
                expected.push(format!("{statement};"));
            }
            text.push_str(last);
            let script = Script::of(&text);
            prop_assert_eq!(script.rest, Rest::Nothing);
            let found: Vec<_> = script.statements.iter().map(|s| s.text).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_text_splits_and_its_statements_stay_in_place(text in "[a-z;'\"`\\-*/ \nä]{0,60}") {
            let statements = Script::of(&text).statements;
            let again = in_place(&statements);
            prop_assert_eq!(Script::of(&again).statements, statements);
        }
    }
}
