//! The live line of progress.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use fish_producer::Simulation;
use observer::Observer;
use report::Progress;

/// Said until the topics were read to their ends: one is read ahead of the others, and how many fish
/// reached which step is not known before.
const READING: &str = "reading the topics";

/// Writes a text and a newline to standard output. A closed standard output ends nothing: exit code
/// and report file say the same.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Says with which seed these fish come again; those of a file have none.
pub fn say_seed(fish: &Simulation) {
    say(&fish
        .seed()
        .map_or_else(String::new, |seed| format!("seed        {seed}\n")));
}

/// The live line of a pipeline: one that is written over on a terminal, now and then a new line
/// elsewhere.
#[derive(Debug)]
pub struct Live {
    observer: Observer,
    line: Line,
}

impl Live {
    /// Nothing was shown yet.
    pub fn of(observer: Observer) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let line = Line {
            terminal,
            shown: String::new(),
        };
        Self { observer, line }
    }

    /// Shows progress on standard output until it is dropped from a `select!`.
    pub async fn show(&mut self) {
        if !self.observer.has_caught_up() {
            write(&self.line.next(READING.to_owned()));
            self.observer.caught_up().await;
        }
        let pace = if self.line.terminal { 200 } else { 2000 };
        let mut pace = tokio::time::interval(Duration::from_millis(pace));
        loop {
            pace.tick().await;
            write(&self.line.next(self.progress()));
        }
    }

    /// Ends the live line with the last state.
    pub fn done(mut self) {
        write(&self.line.last(self.progress()));
    }

    fn progress(&self) -> String {
        Progress::of(&self.observer.ledger()).to_string()
    }
}

fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed standard output ends nothing: the report says the same in the end.
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// What is written of a line that changes.
#[derive(Debug)]
struct Line {
    terminal: bool,
    shown: String,
}

impl Line {
    /// What is to be written where the line is this now.
    fn next(&mut self, text: String) -> String {
        if text == self.shown {
            return String::new();
        }
        let written = if self.terminal {
            format!("\r\x1b[2K{text}")
        } else {
            format!("{text}\n")
        };
        self.shown = text;
        written
    }

    /// The same of the last state.
    fn last(&mut self, text: String) -> String {
        let end = if self.terminal { "\n" } else { "" };
        self.next(text) + end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_written_once_also_where_it_is_the_last_and_a_terminals_line_is_ended() {
        let written = |terminal| {
            let shown = String::new();
            let mut line = Line { terminal, shown };
            let texts = [line.next("a".into()), line.next("a".into())];
            (texts.concat(), line.last("a".into()))
        };
        assert_eq!(written(false), ("a\n".to_owned(), String::new()));
        assert_eq!(written(true), ("\r\x1b[2Ka".to_owned(), "\n".to_owned()));
        let mut line = Line {
            terminal: false,
            shown: "a".to_owned(),
        };
        assert_eq!(line.last("b".into()), "b\n");
    }
}
