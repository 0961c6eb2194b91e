//! The bearer token (RFC 6750) of the calls that change what is live.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use service_runtime::origin;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Api;
use super::problem::{ApiError, Kind};
use crate::config::Secret;

/// The hash of the token: hashes have one length, so that comparing takes the same time for every
/// guess.
#[derive(Clone, Copy)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of a token.
    pub(super) fn of(token: &Secret) -> Self {
        Self::of_bytes(token.0.as_bytes())
    }

    fn of_bytes(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// The caller may change what is live: it sent the token, or none is required and it is no page of
/// another site.
#[derive(Debug)]
pub(super) struct Authorized;

impl FromRequestParts<Api> for Authorized {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Some(expected) = &api.token else {
            // A page of another site has no token, but a browser that may reach the service.
            if origin::is_foreign(&parts.headers) {
                let detail = "a page of another site may not change what is live";
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
            let detail =
                "send the header `Authorization: Bearer TOKEN` with the service's train token";
            Err(ApiError::new(Kind::Unauthorized, detail))
        }
    }
}

/// The token of a header's value; the scheme's name in any case.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}
