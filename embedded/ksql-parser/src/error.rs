//! Errors of refused statements, with their position.

use std::fmt;

/// The kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text does not follow the grammar.
    Syntax,
    /// The statement is wrong: ksqlDB refuses it too.
    Invalid,
    /// ksqlDB may accept the statement; this engine does not execute it.
    Unsupported,
}

/// A refused statement. Nothing of it was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementError {
    /// The kind of the error.
    pub kind: ErrorKind,
    /// Line in the text, from 1.
    pub line: u32,
    /// Column in the line in characters, from 1.
    pub column: u32,
    /// What is wrong, and what is supported instead.
    pub message: String,
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ErrorKind::Syntax => "syntax error",
            ErrorKind::Invalid => "invalid",
            ErrorKind::Unsupported => "unsupported",
        };
        let (line, column) = (self.line, self.column);
        write!(f, "line {line}, column {column}: {kind}: {}", self.message)
    }
}

impl std::error::Error for StatementError {}

/// An error at a byte offset; [`located`] turns the offset into line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The kind of the error.
    pub kind: ErrorKind,
    /// Byte offset in the script.
    pub at: usize,
    /// What is wrong, and what is supported instead.
    pub message: String,
}

/// The statement is wrong: ksqlDB rejects it too.
pub fn invalid(at: usize, message: impl Into<String>) -> Refusal {
    Refusal {
        kind: ErrorKind::Invalid,
        at,
        message: message.into(),
    }
}

/// The statement may be valid, but is outside of the supported subset.
pub fn unsupported(at: usize, message: impl Into<String>) -> Refusal {
    Refusal {
        kind: ErrorKind::Unsupported,
        at,
        message: message.into(),
    }
}

/// The error with the line and column of its offset in `text`.
pub fn located(text: &str, refusal: Refusal) -> StatementError {
    let (line, column) = position(text, refusal.at);
    StatementError {
        kind: refusal.kind,
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        message: refusal.message,
    }
}

/// Line and column, in characters, of a byte offset. Both count from 1.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
    (line, column)
}
