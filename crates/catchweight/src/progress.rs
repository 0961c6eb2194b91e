//! Standard output of the running programs: messages and the live line.

use std::convert::Infallible;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use fish_producer::Simulation;
use observer::Observer;
use report::Progress;

/// Shown until the topics have been read to their ends. Until then, the counts of the topics do not match.
const READING: &str = "reading the topics";

/// Prints a text and a line break. A closed standard output is not an error: the exit code and the report
/// file still have the result.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints the seed that repeats these fish; the fish of a file have none.
pub fn say_seed(fish: &Simulation) {
    say(&fish
        .seed()
        .map_or_else(String::new, |seed| format!("seed        {seed}\n")));
}

/// The live line: on a terminal, one line that is overwritten; elsewhere, a new line every two seconds.
#[derive(Debug)]
pub struct Live {
    observer: Observer,
    line: Line,
}

impl Live {
    /// A live line with the progress that an observer sees.
    pub fn of(observer: Observer) -> Self {
        let line = Line {
            terminal: std::io::stdout().is_terminal(),
            shown: String::new(),
        };
        Self { observer, line }
    }

    /// Shows the progress until it is dropped.
    pub async fn show(&mut self) -> Infallible {
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

    /// Shows the last state and ends the line.
    pub fn done(mut self) {
        write(&self.line.last(self.progress()));
    }

    /// The progress, cut to the width of the terminal: a longer line could not be overwritten.
    fn progress(&self) -> String {
        let text = Progress::of(&self.observer.ledger()).to_string();
        match terminal_size::terminal_size() {
            Some((width, _)) if self.line.terminal => text.chars().take(width.0.into()).collect(),
            _ => text,
        }
    }
}

fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Formats a line that changes.
#[derive(Debug)]
struct Line {
    terminal: bool,
    shown: String,
}

impl Line {
    /// What to write to show `text`.
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

    /// What to write to show `text` and end the line.
    fn last(&mut self, text: String) -> String {
        let end = if self.terminal { "\n" } else { "" };
        self.next(text) + end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(terminal: bool) -> Line {
        Line {
            terminal,
            shown: String::new(),
        }
    }

    #[test]
    fn each_state_is_written_once_and_a_terminals_line_is_ended() {
        let written = |terminal| {
            let mut line = line(terminal);
            let texts = [line.next("a".into()), line.next("a".into())];
            (texts.concat(), line.last("a".into()))
        };
        assert_eq!(written(false), ("a\n".to_owned(), String::new()));
        assert_eq!(written(true), ("\r\x1b[2Ka".to_owned(), "\n".to_owned()));
        let mut line = line(false);
        assert_eq!(line.next("a".into()) + &line.last("b".into()), "a\nb\n");
    }
}
