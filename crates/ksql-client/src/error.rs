//! What can go wrong between a statement and its result.

use std::error::Error as _;
use std::{fmt, io};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::split::Statement;

/// A statement has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server does not answer at all.
    #[error(
        "{server} cannot be reached: {reason}; is a ksqlDB server running there? (--server names another, --wait waits for it)"
    )]
    Unreachable {
        /// The server's address.
        server: String,
        /// What the operating system or the library said.
        reason: String,
    },
    /// The server takes longer than it may.
    #[error("{server} has not answered within {seconds} s (--timeout)")]
    Timeout {
        /// The server's address.
        server: String,
        /// The limit.
        seconds: u64,
    },
    /// The connection ends before the answer does. What was asked for may have been done.
    #[error("{server} has dropped the connection: {reason}")]
    Dropped {
        /// The server's address.
        server: String,
        /// What the library said.
        reason: String,
    },
    /// The server refuses or fails the statement.
    #[error("{0}")]
    Rejected(Rejection),
    /// Something else than a ksqlDB server answers.
    #[error("{server} answers with status {status}, but not as a ksqlDB server does: {text}")]
    NotKsqlDb {
        /// The server's address.
        server: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the reply.
        text: String,
    },
    /// A reply ends before its end, or is not what the API promises.
    #[error("the reply cannot be used: {0}")]
    Reply(String),
    /// The server has accepted a command and failed to execute it.
    #[error("{message}\nStatement: {statement}")]
    Failed {
        /// What is wrong.
        message: String,
        /// The statement's text.
        statement: String,
    },
    /// A command is still not executed.
    #[error(
        "the server has accepted the statement, but has not executed it within {seconds} s (--timeout); it is {status}\nStatement: {statement}"
    )]
    Pending {
        /// The limit.
        seconds: u64,
        /// `QUEUED`, `PARSING` or `EXECUTING`.
        status: String,
        /// The statement's text.
        statement: String,
    },
}

impl Error {
    /// Whether the server has not begun with the request because it is not up yet.
    pub fn is_not_ready(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Rejected(rejection) => rejection.error_code == NOT_READY,
            Self::NotKsqlDb { status, .. } => *status == 503,
            _ => false,
        }
    }
}

/// "KSQL is not yet ready to serve requests."
const NOT_READY: i64 = 50302;

/// A server's error, as it sends it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    /// The first three digits are the HTTP status.
    #[serde(rename = "error_code")]
    pub error_code: i64,
    /// What is wrong.
    pub message: String,
    /// The statement that it is about, if any.
    #[serde(default)]
    pub statement_text: Option<String>,
    /// Results of the statements before it that were executed.
    #[serde(default)]
    pub entities: Vec<Box<RawValue>>,
}

impl Rejection {
    /// Where the server complains about a whole request, the message's line tells the statement.
    pub(crate) fn narrowed(mut self, group: &[Statement<'_>], text: &str) -> Self {
        let whole = self.statement_text.as_deref().map(str::trim) == Some(text.trim());
        if whole && let Some(line) = line_in(&self.message) {
            let mut around = group
                .iter()
                .filter(|s| (s.line..=s.last_line()).contains(&line));
            if let (Some(statement), None) = (around.next(), around.next()) {
                self.statement_text = Some(statement.text.to_owned());
            }
        }
        self
    }
}

/// The line of `line 3:7: …`.
fn line_in(message: &str) -> Option<usize> {
    let rest = message.strip_prefix("line ")?;
    let (line, _) = rest.split_once(':')?;
    line.parse().ok()
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.trim_end())?;
        match self.statement_text.as_deref().map(str::trim) {
            // Some messages end with the statement already.
            Some(text) if !text.is_empty() && !self.message.contains(text) => {
                write!(f, "\nStatement: {text}")
            }
            _ => Ok(()),
        }
    }
}

/// The innermost cause: that the connection was refused says more than that no request was sent.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if error.source().is_none() {
        return "the request cannot be made".into();
    }
    cause.to_string()
}

/// Whether the reader of the output has gone, as `head` does.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    let closed = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(closed))
}
