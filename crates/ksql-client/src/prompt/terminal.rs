//! Lines from a terminal, with editing and history.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use rustix::stdio::stdin;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Editor, Helper};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::command::is_complete;
use super::{Line, Lines};

const PROMPT: &str = "ksql> ";

/// The terminal that the program was started from.
///
/// Lines are read by a thread of their own, since reading cannot be cancelled; dropping this leaves
/// the terminal as it was, whatever the thread does.
pub(super) struct Terminal {
    ask: mpsc::Sender<()>,
    lines: UnboundedReceiver<io::Result<Line>>,
    before: Option<Termios>,
}

impl Terminal {
    /// Opens it. What was entered is kept in `history`, or in the user's folder for state.
    pub(super) fn open(history: Option<PathBuf>) -> io::Result<Self> {
        let before = tcgetattr(stdin()).ok();
        let (ask, asked) = mpsc::channel();
        let (sender, lines) = unbounded_channel();
        let history = history.or_else(default_history);
        std::thread::Builder::new()
            .name("prompt".into())
            .spawn(move || read(&asked, &sender, history.as_deref()))?;
        Ok(Self { ask, lines, before })
    }
}

impl Lines for Terminal {
    async fn next(&mut self) -> io::Result<Line> {
        // An error means that the thread has ended, which the next line tells.
        let _ = self.ask.send(());
        self.lines.recv().await.unwrap_or(Ok(Line::End))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // The terminal may be gone by now.
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}

fn default_history() -> Option<PathBuf> {
    let folder = dirs::state_dir().or_else(dirs::data_local_dir)?;
    Some(folder.join("catchweight").join("ksql_history"))
}

/// Reads a line whenever one is asked for.
fn read(
    asked: &mpsc::Receiver<()>,
    lines: &UnboundedSender<io::Result<Line>>,
    history: Option<&Path>,
) {
    let mut editor = match editor(history) {
        Ok(editor) => editor,
        Err(error) => {
            let _ = lines.send(Err(io::Error::other(error)));
            return;
        }
    };
    while asked.recv().is_ok() {
        let line = match editor.readline(PROMPT) {
            Ok(text) => Ok(Line::Text(text)),
            Err(ReadlineError::Interrupted) => Ok(Line::Interrupted),
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(ReadlineError::Io(error)) => Err(error),
            Err(error) => Err(io::Error::other(error)),
        };
        if let (Some(path), Ok(Line::Text(_))) = (history, &line)
            && let Err(error) = editor.append_history(path)
        {
            // A history that cannot be kept is no reason to stop.
            tracing::debug!(path = %path.display(), %error, "history");
        }
        if lines.send(line).is_err() {
            return;
        }
    }
}

type StatementEditor = Editor<Statements, FileHistory>;

/// An editor that knows what was entered before.
fn editor(history: Option<&Path>) -> rustyline::Result<StatementEditor> {
    let config = Config::builder().auto_add_history(true).build();
    let mut editor = StatementEditor::with_config(config)?;
    editor.set_helper(Some(Statements));
    if let Some(path) = history {
        if let Some(folder) = path.parent()
            && let Err(error) = std::fs::create_dir_all(folder)
        {
            tracing::debug!(path = %folder.display(), %error, "no folder for the history");
        }
        // There is none before the first use.
        if let Err(error) = editor.load_history(path) {
            tracing::debug!(path = %path.display(), %error, "no history");
        }
    }
    Ok(editor)
}

/// Lets Enter begin another line until the statement is whole.
struct Statements;

impl Validator for Statements {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_complete(context.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Completer for Statements {
    type Candidate = String;
}

impl Hinter for Statements {
    type Hint = String;
}

impl Highlighter for Statements {}

impl Helper for Statements {}

#[cfg(test)]
mod tests {
    use rustyline::history::{History, SearchDirection};

    use super::*;

    #[test]
    fn what_was_entered_is_there_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not/there/yet/history");
        let mut first = editor(Some(&path)).unwrap();
        first.add_history_entry("SELECT *\nFROM X;").unwrap();
        first.append_history(&path).unwrap();

        let next = editor(Some(&path)).unwrap();
        let entered = next.history().get(0, SearchDirection::Reverse).unwrap();
        assert_eq!(entered.unwrap().entry, "SELECT *\nFROM X;");
    }

    #[test]
    fn a_history_that_cannot_be_kept_does_not_close_the_prompt() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(editor(Some(&file.path().join("history"))).is_ok());
    }
}
