//! Errors as problem bodies (RFC 9457). They contain no internal details; causes are logged.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model_store::StoreError;
use serde::Serialize;
use service_runtime::server;
use utoipa::{IntoResponses, ToSchema};

use crate::training::TrainFailure;

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The kinds of problems. Their `type` is stable, so that clients may compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A parameter is missing or wrong.
    InvalidInput,
    /// The request's body is malformed.
    InvalidBody,
    /// The bearer token is missing or wrong.
    Unauthorized,
    /// A browser sent the request for a page of another site.
    Foreign,
    /// No such path, or no such version.
    NotFound,
    /// The path does not support this method.
    MethodNotAllowed,
    /// The rest of the request's body did not arrive in time.
    BodyTimeout,
    /// The body or its number of rows is too large.
    TooLarge,
    /// No model can be fitted to the rows.
    NotTrainable,
    /// Too many requests are running or waiting.
    Overloaded,
    /// The request was not answered in time.
    Timeout,
    /// No model is live yet.
    NoModel,
    /// The row that a trigger names is not stored yet.
    RowNotStored,
    /// The store cannot be reached.
    StoreUnavailable,
    /// The service failed; see its log.
    Internal,
}

impl Kind {
    /// All kinds.
    #[cfg(test)]
    const ALL: [Self; Self::Internal as usize + 1] = [
        Self::InvalidInput,
        Self::InvalidBody,
        Self::Unauthorized,
        Self::Foreign,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::BodyTimeout,
        Self::TooLarge,
        Self::NotTrainable,
        Self::Overloaded,
        Self::Timeout,
        Self::NoModel,
        Self::RowNotStored,
        Self::StoreUnavailable,
        Self::Internal,
    ];

    /// Status, name in `type`, and title.
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        let (status, name, title) = match self {
            Self::InvalidInput => (400, "invalid-input", "The input is not valid"),
            Self::InvalidBody => (400, "invalid-body", "The body is not valid"),
            Self::Unauthorized => (401, "unauthorized", "A bearer token is required"),
            Self::Foreign => (
                403,
                "foreign-page",
                "The request is from a page of another site",
            ),
            Self::NotFound => (404, "not-found", "There is no such path or version"),
            Self::MethodNotAllowed => {
                let title = "The path does not support this method";
                (405, "method-not-allowed", title)
            }
            Self::BodyTimeout => (408, "body-timeout", "The rest of the body did not arrive"),
            Self::TooLarge => (413, "too-large", "The request is too large"),
            Self::NotTrainable => (422, "not-trainable", "No model can be fitted to the rows"),
            Self::Overloaded => (503, "overloaded", "Too many requests at once"),
            Self::Timeout => (503, "timeout", "The request took too long"),
            Self::NoModel => (503, "no-model", "No model is live yet"),
            Self::RowNotStored => {
                let title = "The trigger's last row is not stored yet";
                (503, "row-not-stored", title)
            }
            Self::StoreUnavailable => (503, "store-unavailable", "The store cannot be reached"),
            Self::Internal => (500, "internal", "The service failed"),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, name, title)
    }
}

/// The body of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:catchweight:problem:` and the kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to do.
    pub detail: String,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// Errors of every call.
#[derive(IntoResponses)]
pub(super) enum Busy {
    /// Too many requests, no answer in time, no live model or no store: try again
    #[response(status = 503, content_type = "application/problem+json")]
    _Busy(Problem),
    /// The service failed; see its log
    #[response(status = 500, content_type = "application/problem+json")]
    _Internal(Problem),
}

/// Errors of calls with parameters or a body.
#[derive(IntoResponses)]
pub(super) enum Invalid {
    /// A parameter or the body is not valid
    #[response(status = 400, content_type = "application/problem+json")]
    _Invalid(Problem),
}

/// Errors of calls with a body.
#[derive(IntoResponses)]
pub(super) enum NotRead {
    /// The rest of the body did not arrive in time
    #[response(status = 408, content_type = "application/problem+json")]
    _BodyTimeout(Problem),
    /// The body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    _TooLarge(Problem),
}

/// Errors of calls about one version.
#[derive(IntoResponses)]
pub(super) enum NotFound {
    /// There is no such version
    #[response(status = 404, content_type = "application/problem+json")]
    _NotFound(Problem),
}

/// Errors of calls that may change the live model.
#[derive(IntoResponses)]
pub(super) enum Unauthorized {
    /// The bearer token is missing or wrong
    #[response(status = 401, content_type = "application/problem+json")]
    _Unauthorized(Problem),
    /// No token is set, and a browser sent the request for a page of another site
    #[response(status = 403, content_type = "application/problem+json")]
    _Foreign(Problem),
}

/// Errors of a training.
#[derive(IntoResponses)]
pub(super) enum NotTrainable {
    /// No model can be fitted to the rows; the live model stays
    #[response(status = 422, content_type = "application/problem+json")]
    _NotTrainable(Problem),
}

/// An error of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
}

impl ApiError {
    /// An error of a kind; `detail` says what happened and what to do.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// Wrong fields.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let messages: Vec<_> = errors
            .iter()
            .map(|error| format!("`{}` {}", error.field, error.reason))
            .collect();
        Self {
            kind: Kind::InvalidInput,
            detail: messages.join("; "),
            errors,
        }
    }

    /// One wrong field.
    pub(super) fn field(field: &'static str, reason: &'static str) -> Self {
        Self::fields(vec![FieldError { field, reason }])
    }

    /// A failure of the service whose cause is in the log.
    pub(super) fn internal() -> Self {
        Self::new(Kind::Internal, "the service failed; see its log")
    }

    /// The body.
    pub fn problem(&self) -> Problem {
        let (status, name, title) = self.kind.parts();
        Problem {
            kind: format!("urn:catchweight:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: self.detail.clone(),
            errors: self.errors.clone(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, ..) = self.kind.parts();
        // Cannot fail: a problem contains only strings and numbers.
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let mut response = server::problem(status, body);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<&StoreError> for ApiError {
    fn from(error: &StoreError) -> Self {
        if let StoreError::Unavailable(_) = error {
            tracing::warn!(%error, "a call failed: the store cannot be reached");
            let detail = "the store cannot be reached; the live model still predicts; try again";
            Self::new(Kind::StoreUnavailable, detail)
        } else {
            tracing::error!(%error, "a call failed in the store");
            Self::internal()
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<Arc<TrainFailure>> for ApiError {
    fn from(failure: Arc<TrainFailure>) -> Self {
        match &*failure {
            TrainFailure::NotYet { .. } => Self::new(Kind::RowNotStored, failure.to_string()),
            TrainFailure::Train(error) => Self::new(Kind::NotTrainable, error.to_string()),
            TrainFailure::Store(error) => Self::from(error),
            TrainFailure::Busy => Self::new(Kind::Overloaded, failure.to_string()),
            TrainFailure::Broken => Self::internal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_in_the_documentation() {
        let documentation = include_str!("../../../../docs/model-server.md");
        for kind in Kind::ALL {
            let (status, name, _) = kind.parts();
            let line = format!("| `{name}` | {} |", status.as_u16());
            assert!(documentation.contains(&line), "{line}");
        }
    }
}
