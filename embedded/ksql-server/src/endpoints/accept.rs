//! Which form of an answer a client takes.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

const JSON: [&str; 2] = ["application/json", "application/vnd.ksql.v1+json"];

/// The first of `offered` that the client takes; without a wish, the first of all.
pub(super) fn accepted<'o>(headers: &HeaderMap, offered: &[&'o str]) -> Option<&'o str> {
    let first = offered.first().copied();
    let mut wishes = headers
        .get_all(header::ACCEPT)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("").split(','))
        .map(|wish| wish.split(';').next().unwrap_or("").trim())
        .filter(|wish| !wish.is_empty())
        .peekable();
    if wishes.peek().is_none() {
        return first;
    }
    wishes.find_map(|wish| match wish {
        "*/*" | "application/*" => first,
        wish => offered
            .iter()
            .copied()
            .find(|kind| kind.eq_ignore_ascii_case(wish)),
    })
}

/// A client that takes JSON; 406 for any other.
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
    fn a_wish_is_met_by_the_first_form_that_fits() {
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
