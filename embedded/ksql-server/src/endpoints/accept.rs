//! Content negotiation.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

const JSON: [&str; 2] = ["application/json", "application/vnd.ksql.v1+json"];

/// The first type in the `Accept` header that is `offered`. Without the header, the first offered type.
pub(super) fn accepted<'o>(headers: &HeaderMap, offered: &[&'o str]) -> Option<&'o str> {
    let first = offered.first().copied();
    let mut accepted = headers
        .get_all(header::ACCEPT)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("").split(','))
        .map(|kind| kind.split(';').next().unwrap_or("").trim())
        .filter(|kind| !kind.is_empty())
        .peekable();
    if accepted.peek().is_none() {
        return first;
    }
    accepted.find_map(|kind| match kind {
        "*/*" | "application/*" => first,
        kind => offered
            .iter()
            .copied()
            .find(|offer| offer.eq_ignore_ascii_case(kind)),
    })
}

/// Rejects clients that do not accept JSON, with status 406.
pub(super) struct AcceptsJson;

impl<S: Send + Sync> FromRequestParts<S> for AcceptsJson {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        accepted(&parts.headers, &JSON)
            .map(|_| Self)
            .ok_or(StatusCode::NOT_ACCEPTABLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_acceptable_type_is_chosen() {
        let of = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().expect("a header"));
            accepted(&headers, &JSON)
        };
        assert_eq!(of("application/json"), Some("application/json"));
        assert_eq!(
            of("text/xml, application/vnd.ksql.v1+json;q=0.5"),
            Some(JSON[1])
        );
        assert_eq!(of("*/*"), Some(JSON[0]));
        assert_eq!(of("text/xml"), None);
        assert_eq!(accepted(&HeaderMap::new(), &JSON), Some(JSON[0]));
    }
}
