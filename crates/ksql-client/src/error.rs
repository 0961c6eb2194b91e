//! Errors between a statement and its result.

use std::error::Error as _;
use std::{fmt, io};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::statement::Statement;

/// Why a statement has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No server listens at the address, or it cannot be resolved.
    #[error(
        "{server} cannot be reached: {reason}; is a ksqlDB server running there? (--server names another, --wait waits for it)"
    )]
    Unreachable {
        /// The server's address.
        server: String,
        /// The message of the operating system or the HTTP library.
        reason: String,
    },
    /// The server does not answer within the limit.
    #[error("{server} has not answered within {seconds} s (--timeout)")]
    Timeout {
        /// The server's address.
        server: String,
        /// The limit.
        seconds: u64,
    },
    /// The connection ends before the response does. The request may have been executed.
    #[error("{server} has dropped the connection: {reason}")]
    Dropped {
        /// The server's address.
        server: String,
        /// The message of the HTTP library.
        reason: String,
    },
    /// The server rejects the statement or fails to execute it.
    #[error("{0}")]
    Rejected(Rejection),
    /// Something other than a ksqlDB server answers.
    #[error("{server} does not answer like a ksqlDB server (status {status}): {text}")]
    NotKsqlDb {
        /// The server's address.
        server: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the response.
        text: String,
    },
    /// A response is incomplete or malformed.
    #[error("the response cannot be used: {0}")]
    Reply(String),
    /// The server has accepted a command and failed to execute it.
    #[error("{message}\nStatement: {statement}")]
    Failed {
        /// The server's message.
        message: String,
        /// The statement's text.
        statement: String,
    },
    /// The server has accepted a command and not executed it within the limit.
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
    /// Whether the server is not up yet and has not started to process the request.
    pub(crate) fn is_not_ready(&self) -> bool {
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

/// An error that the server sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    /// Its first three digits are the HTTP status.
    #[serde(rename = "error_code")]
    pub error_code: i64,
    /// The server's message.
    pub message: String,
    /// The rejected statement, or the whole request if the server cannot tell.
    #[serde(default)]
    pub statement_text: Option<String>,
    /// The results of the statements that were executed before it.
    #[serde(default)]
    pub entities: Vec<Box<RawValue>>,
}

impl Rejection {
    /// If the server names the whole request, narrows it to the only statement at the line in the message.
    pub(crate) fn narrowed(mut self, group: &[Statement<'_>], request: &str) -> Self {
        let whole = self.statement_text.as_deref().map(str::trim) == Some(request.trim());
        if whole && let Some(line) = line_in(&self.message) {
            let mut candidates = group.iter().filter(|statement| statement.is_on_line(line));
            if let (Some(statement), None) = (candidates.next(), candidates.next()) {
                self.statement_text = Some(statement.source.text.to_owned());
            }
        }
        self
    }
}

/// The line of `line 3:7: …`.
fn line_in(message: &str) -> Option<usize> {
    let (line, _) = message.strip_prefix("line ")?.split_once(':')?;
    line.parse().ok()
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.trim_end())?;
        match self.statement_text.as_deref().map(str::trim) {
            // Some messages end with the statement.
            Some(text) if !text.is_empty() && !self.message.contains(text) => {
                write!(f, "\nStatement: {text}")
            }
            _ => Ok(()),
        }
    }
}

/// The innermost cause, which is the most specific: "Connection refused", not "error sending request".
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if error.source().is_none() {
        return "the request cannot be sent".into();
    }
    cause.to_string()
}

/// Whether the reader of the output has closed it, as `head` does.
pub(crate) fn is_closed_output(error: &anyhow::Error) -> bool {
    let closed = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(closed))
}
