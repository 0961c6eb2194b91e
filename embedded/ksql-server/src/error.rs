//! Errors in ksqlDB's form: a status, an `error_code` and a message.

use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::topics::TopicsError;
use ksql_engine::kafka::RuntimeError;
use ksql_parser::error::{ErrorKind, StatementError};

/// `error_code` of an invalid request.
pub(crate) const BAD_REQUEST: u32 = 40_000;
/// `error_code` of a refused statement.
pub(crate) const BAD_STATEMENT: u32 = 40_001;
/// `error_code` of a statement for another endpoint.
pub(crate) const QUERY_ENDPOINT: u32 = 40_002;
/// `error_code` of a request without the token.
const UNAUTHORIZED: u32 = 40_100;
/// `error_code` of something that does not exist.
pub(crate) const NOT_FOUND: u32 = 40_400;
/// `error_code` of a failure of the server or of Kafka.
pub(crate) const SERVER_ERROR: u32 = 50_000;

/// A refused request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    code: u32,
    message: String,
    /// The failed statement, and the entities of those before it.
    statement: Option<(String, Vec<Value>)>,
}

impl ApiError {
    /// An error of the request.
    pub(crate) fn request(code: u32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            statement: None,
        }
    }

    /// The client did not send the token, which `what` needs.
    pub(crate) fn unauthorized(what: &str) -> Self {
        tracing::warn!("{what} was rejected: the token is missing or wrong");
        let message = format!(
            "{what} needs the server's token: send it as the password of any user, or as \
             `Authorization: Bearer TOKEN`"
        );
        Self::request(UNAUTHORIZED, message)
    }

    /// An error of a statement.
    pub(crate) fn statement(code: u32, message: impl Into<String>, sql: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            statement: Some((sql.into(), Vec::new())),
        }
    }

    /// A refused statement.
    pub(crate) fn refused(error: &StatementError, sql: impl Into<String>) -> Self {
        Self::statement(BAD_STATEMENT, located(error), sql)
    }

    /// The runtime failed to execute a statement.
    pub(crate) fn runtime(error: &RuntimeError, sql: impl Into<String>) -> Self {
        match error {
            RuntimeError::Statement(error) => Self::refused(error, sql),
            error => Self::statement(SERVER_ERROR, error.to_string(), sql),
        }
    }

    /// An operation on topics that a statement needs has failed.
    pub(crate) fn topics(error: &TopicsError, sql: impl Into<String>) -> Self {
        Self::statement(SERVER_ERROR, error.to_string(), sql)
    }

    /// Adds the entities of the statements that were executed before the error.
    pub(crate) fn after(mut self, entities: Vec<Value>) -> Self {
        if let Some((_, before)) = &mut self.statement {
            *before = entities;
        }
        self
    }

    /// The JSON of the response.
    pub(crate) fn body(&self) -> Value {
        match &self.statement {
            None => json!({
                "@type": "generic_error",
                "error_code": self.code,
                "message": self.message,
            }),
            Some((sql, entities)) => json!({
                "@type": "statement_error",
                "error_code": self.code,
                "message": self.message,
                "statementText": sql,
                "entities": entities,
            }),
        }
    }

    /// The HTTP status: the code's first three digits.
    pub(crate) fn status(&self) -> StatusCode {
        u16::try_from(self.code / 100)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if self.status().is_server_error() {
            tracing::error!(message = self.message, "a request failed");
        }
        let mut response = (self.status(), Json(self.body())).into_response();
        if self.code == UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Basic realm=\"ksql\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// The message in ksqlDB's form: the position, then the reason.
fn located(error: &StatementError) -> String {
    let StatementError {
        line,
        column,
        message,
        ..
    } = error;
    match error.kind {
        ErrorKind::Syntax => format!("line {line}:{column}: Syntax Error\n{message}"),
        ErrorKind::Invalid => format!("Line: {line}, Col: {column}: {message}"),
        ErrorKind::Unsupported => {
            format!("Line: {line}, Col: {column}: not supported here: {message}")
        }
    }
}
