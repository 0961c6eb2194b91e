//! The bearer token (RFC 6750) of calls that change the live model.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use service_runtime::origin;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Api;
use super::problem::{ApiError, Kind};
use crate::config::Secret;

/// Hash of the token. Hashes have equal lengths, so that every comparison takes the same time.
#[derive(Clone, Copy)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(token: &Secret) -> Self {
        Self::of_bytes(token.0.as_bytes())
    }

    fn of_bytes(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// The caller may change the live model: it sent the token, or no token is set and the request does not
/// come from a page of another site.
#[derive(Debug)]
pub(super) struct Authorized;

impl FromRequestParts<Api> for Authorized {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Some(expected) = &api.token else {
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
        let sent = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| bearer(value.as_bytes()));
        let matches = |token| bool::from(TokenHash::of_bytes(token).0.ct_eq(&expected.0));
        if sent.is_some_and(matches) {
            Ok(Self)
        } else {
            let detail = "the token is missing or wrong; send the service's train token as \
                          `Authorization: Bearer TOKEN`";
            Err(ApiError::new(Kind::Unauthorized, detail))
        }
    }
}

/// The token in a header's value. The scheme's name is not case-sensitive.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}
