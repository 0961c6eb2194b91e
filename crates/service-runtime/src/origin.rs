//! Whether a browser sent a request for this service's own page. A page of another site must not act on
//! behalf of its visitor.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The relation of the page that made a request to this service (W3C Fetch Metadata).
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a browser sent the request, but not for a page of this service: a page of another origin made
/// it, or the user opened the address directly (`Sec-Fetch-Site: none`).
pub fn is_foreign(headers: &HeaderMap) -> bool {
    is_cross_origin(headers) || headers.get(SITE).is_some_and(|site| site == "none")
}

/// Whether a browser sent the request for a page of another origin.
///
/// Browsers send `Sec-Fetch-Site`, old ones only `Origin`. A request with neither header is not from a
/// browser.
pub fn is_cross_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    if let Some(site) = text(SITE) {
        return !["same-origin", "none"].contains(&site);
    }
    let Some(origin) = text(header::ORIGIN) else {
        return false;
    };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_none() || authority != text(header::HOST)
}

/// Whether a request has one `Host` header, as HTTP/1.1 requires (RFC 9112, section 3.2). HTTP/1.0 and
/// HTTP/2 may omit it.
pub fn has_valid_host(version: Version, headers: &HeaderMap) -> bool {
    match headers.get_all(header::HOST).iter().count() {
        0 => version != Version::HTTP_11,
        count => count == 1,
    }
}

/// Middleware that rejects [foreign](is_foreign) requests with 403, and requests without a
/// [valid host](has_valid_host) with 400.
pub async fn refuse_foreign(request: Request, next: Next) -> Response {
    if !has_valid_host(request.version(), request.headers()) {
        let text = "Rejected: the request must have exactly one `Host` header.\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    if is_foreign(request.headers()) {
        let text = "Rejected: the request comes from a page of another site.\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header"));
        }
        map
    }

    #[test]
    fn own_pages_and_other_clients_are_not_foreign() {
        let host = ("host", "127.0.0.1:8080");
        let foreign = |headers: &[_]| is_foreign(&map(headers));
        assert!(!foreign(&[host]));
        assert!(!foreign(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(!foreign(&[host, ("origin", "http://127.0.0.1:8080")]));
        for site in ["cross-site", "same-site", "none"] {
            assert!(foreign(&[host, ("sec-fetch-site", site)]), "{site}");
        }
        for origin in ["http://evil.example", "http://127.0.0.1:8000", "null"] {
            assert!(foreign(&[host, ("origin", origin)]), "{origin}");
        }
        let both = [
            ("sec-fetch-site", "cross-site"),
            ("origin", "http://127.0.0.1:8080"),
        ];
        assert!(foreign(&[host, both[0], both[1]]));
    }

    #[test]
    fn http_1_1_requires_exactly_one_host() {
        let host = ("host", "a");
        for (headers, version, valid) in [
            (vec![host], Version::HTTP_11, true),
            (vec![], Version::HTTP_11, false),
            (vec![], Version::HTTP_10, true),
            (vec![], Version::HTTP_2, true),
            (vec![host, host], Version::HTTP_11, false),
            (vec![host, host], Version::HTTP_2, false),
        ] {
            let actual = has_valid_host(version, &map(&headers));
            assert_eq!(actual, valid, "{headers:?} {version:?}");
        }
    }
}
