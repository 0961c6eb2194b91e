//! Standard output of the running programs: messages and the live line.

use std::convert::Infallible;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use fish_producer::{MAX_SPEED, Simulation};
use observer::Observer;
use pipeline::Definition;
use report::{Progress, Step, error_text};

use crate::throttle::Pace;

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

/// From this number of planned records on, the live line shows how far the slowest stage is.
const MANY: u64 = 2_000;

/// Prints by how much a run took longer than its speed asked for, and which stage was the slowest.
pub(crate) fn say_pace(
    definition: &Definition,
    speed: f64,
    span: Duration,
    took: Duration,
    pace: &Pace,
) {
    let Some((slowest, _)) = pace.slowest() else {
        return;
    };
    let slowest = slowest.name(definition);
    let planned = span.div_f64(speed);
    let late = took.saturating_sub(planned);
    if speed == MAX_SPEED {
        say(&format!("slowest stage: {slowest}"));
    } else if late > Duration::from_secs(1) {
        say(&format!(
            "the speed of {speed} was not reached: the {} took {:.1} s longer; slowest stage: {slowest}",
            definition.records,
            late.as_secs_f64()
        ));
    }
}

/// The live line: on a terminal, one line that is overwritten; elsewhere, a new line every two seconds.
#[derive(Debug)]
pub struct Live {
    observer: Observer,
    planned: Option<u64>,
    began: Instant,
    line: Line,
}

impl Live {
    /// A live line with the progress that an observer sees, given the planned number of records if known.
    pub fn of(observer: Observer, planned: Option<u64>) -> Self {
        let line = Line {
            terminal: std::io::stdout().is_terminal(),
            shown: String::new(),
        };
        Self {
            observer,
            planned,
            began: Instant::now(),
            line,
        }
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
        let progress = Progress::of(&self.observer.ledger());
        let text = match self.planned {
            Some(planned) if planned >= MANY => many(&progress, planned, self.began.elapsed()),
            _ => progress.to_string(),
        };
        match terminal_size::terminal_size() {
            Some((width, _)) if self.line.terminal => text.chars().take(width.0.into()).collect(),
            _ => text,
        }
    }
}

/// The progress of many records: how far the slowest stage is, and the time left at this pace.
fn many(progress: &Progress, planned: u64, elapsed: Duration) -> String {
    let steps = progress.steps;
    let step = steps
        .furthest_behind()
        .map_or(Step::Stored, |(step, _)| step);
    let passed = steps.passed(step);
    let definition = progress.definition;
    let left = (steps.stored > 0).then(|| {
        let seconds = elapsed.as_secs_f64() * planned.saturating_sub(steps.stored) as f64;
        format!("{:.0} s left", seconds / steps.stored as f64)
    });
    format!(
        "{} {} of {}  {}  error {:>7}  model {}",
        step.name(definition),
        grouped(passed),
        grouped(planned),
        left.as_deref().unwrap_or("starting"),
        error_text(definition, progress.mean_error),
        progress.model_version.as_deref().unwrap_or("-")
    )
}

/// `41,200`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
    use report::ledger::StepCounts;

    use super::*;

    fn line(terminal: bool) -> Line {
        Line {
            terminal,
            shown: String::new(),
        }
    }

    #[test]
    fn the_line_of_many_fish_names_the_stage_that_is_behind() {
        let progress = Progress {
            definition: Definition::shipped(),
            steps: StepCounts {
                measured: 55_000,
                predicted: 54_000,
                weighed: 54_995,
                joined: 53_900,
                stored: 41_200,
            },
            mean_error: Some(0.042),
            model_version: Some("84df".to_owned()),
        };
        assert_eq!(
            many(&progress, 60_000, Duration::from_secs(41)),
            "stored 41,200 of 60,000  19 s left  error   4.2 %  model 84df"
        );
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
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
