//! A request's body up to a size.

use axum::body::{Bytes, HttpBody, to_bytes};
use axum::extract::{FromRequest, Request};

use super::problem::{ApiError, Kind};

/// The body, of at most `LIMIT` bytes.
#[derive(Debug)]
pub(super) struct Limited<const LIMIT: usize>(pub(super) Bytes);

impl<S: Send + Sync, const LIMIT: usize> FromRequest<S> for Limited<LIMIT> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let too_large = || {
            ApiError::new(
                Kind::TooLarge,
                format!("the body is larger than {LIMIT} bytes; send less at a time"),
            )
        };
        let body = request.into_body();
        // What announces its size is refused before it is read.
        if body.size_hint().lower() > LIMIT as u64 {
            return Err(too_large());
        }
        to_bytes(body, LIMIT).await.map(Self).map_err(|error| {
            let cause = std::error::Error::source(&error)
                .map(ToString::to_string)
                .unwrap_or_default();
            if cause.contains("length limit") {
                too_large()
            } else {
                ApiError::new(Kind::InvalidBody, "the body could not be read to its end")
            }
        })
    }
}
