//! What the prompt itself understands.

use crate::split::{Rest, Script};

/// A word that is not for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Exit,
}

impl Command {
    /// Reads a line; a semicolon may follow.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let word = line.trim().trim_end_matches(';').trim_end();
        match word.to_ascii_lowercase().as_str() {
            "help" | "?" => Some(Self::Help),
            "exit" | "quit" => Some(Self::Exit),
            _ => None,
        }
    }
}

/// Whether a text can be executed, or more lines must follow.
pub(super) fn is_complete(text: &str) -> bool {
    Command::parse(text).is_some() || Script::of(text).rest == Rest::Nothing
}

pub(super) const HELP: &str = "\
Statements end with a semicolon and may have several lines, for example:
  SHOW STREAMS;  SHOW TABLES;  SHOW QUERIES;  SHOW TOPICS;  DESCRIBE x EXTENDED;  EXPLAIN query;
  SELECT * FROM x EMIT CHANGES LIMIT 3;    rows as they come; Ctrl-C ends them
  PRINT 'topic' FROM BEGINNING LIMIT 3;    a topic's records
  SET 'auto.offset.reset'='earliest';      kept for what follows, UNSET forgets it
help, exit. Up and down: what was entered before. Ctrl-R searches it.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_goes_on_until_its_semicolon() {
        for complete in ["", "  ", "help", "EXIT ;", "SHOW STREAMS;", "A; B; -- c"] {
            assert!(is_complete(complete), "{complete}");
        }
        for open in [
            "SHOW",
            "helper",
            "SELECT ';",
            "A; B",
            "/* help",
            "A /* ; */",
        ] {
            assert!(!is_complete(open), "{open}");
        }
    }
}
