//! Bearer tokens (RFC 6750): the train token of calls that change the live model, and the read token of all
//! others.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use service_runtime::{Token, origin};

use super::Api;
use super::problem::{ApiError, Kind};

/// The tokens that a server requires.
#[derive(Clone)]
pub(crate) struct Tokens {
    /// Of calls that change the live model.
    pub(crate) train: Option<Token>,
    /// Of all calls but health.
    pub(crate) read: Option<Token>,
}

/// Middleware of all calls but health: if there is a read token, the request must have it or the train token.
pub(super) async fn may_read(
    State(tokens): State<Tokens>,
    request: Request,
    next: Next,
) -> Response {
    let Some(read) = &tokens.read else {
        return next.run(request).await;
    };
    let mut accepted = std::iter::once(read).chain(&tokens.train);
    if accepted.any(|token| token.is_in(request.headers())) {
        return next.run(request).await;
    }
    let detail = "the token is missing or wrong; send the service's read token as \
                  `Authorization: Bearer TOKEN`";
    ApiError::new(Kind::Unauthorized, detail).into_response()
}

/// The caller may change the live model: it sent the token, or no token is set and the request does not
/// come from a page of another site.
#[derive(Debug)]
pub(super) struct Authorized;

impl FromRequestParts<Api> for Authorized {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Some(expected) = &api.tokens.train else {
            if !origin::has_valid_host(parts.version, &parts.headers) {
                let detail = "the request must have exactly one `Host` header";
                return Err(ApiError::new(Kind::InvalidInput, detail));
            }
            // Without a token, a page of another site could make its visitor's browser send the request.
            if origin::is_foreign(&parts.headers) {
                let detail = "a page of another site may not change the live model; set a token";
                return Err(ApiError::new(Kind::Foreign, detail));
            }
            return Ok(Self);
        };
        if expected.is_in(&parts.headers) {
            Ok(Self)
        } else {
            let detail = "the token is missing or wrong; send the service's train token as \
                          `Authorization: Bearer TOKEN`";
            Err(ApiError::new(Kind::Unauthorized, detail))
        }
    }
}
