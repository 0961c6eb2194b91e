//! A request's body, up to a maximum size.

use axum::body::{Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::StatusCode;
use service_runtime::server::is_body_timeout;

use super::problem::{ApiError, Kind};

/// A body of at most `LIMIT` bytes.
#[derive(Debug)]
pub(super) struct Limited<const LIMIT: usize>(pub(super) Bytes);

impl<S: Send + Sync, const LIMIT: usize> FromRequest<S> for Limited<LIMIT> {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, _: &S) -> Result<Self, ApiError> {
        let too_large = || {
            let detail = format!("the body is larger than {LIMIT} bytes; send less at a time");
            ApiError::new(Kind::TooLarge, detail)
        };
        // If `Content-Length` is too large, the body is not read.
        if request.body().size_hint().lower() > LIMIT as u64 {
            return Err(too_large());
        }
        DefaultBodyLimit::max(LIMIT).apply(&mut request);
        let body = Bytes::from_request(request, &()).await;
        body.map(Self).map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                too_large()
            } else if is_body_timeout(&rejection) {
                let detail = "the rest of the body did not arrive in time; send it again";
                ApiError::new(Kind::BodyTimeout, detail)
            } else {
                let detail = "the connection broke before the end of the body; send it again";
                ApiError::new(Kind::InvalidBody, detail)
            }
        })
    }
}
