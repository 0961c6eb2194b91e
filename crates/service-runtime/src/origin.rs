//! Whether a request comes from the service's own page: a page of another site must not act in its
//! reader's name.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// How a browser says which page made a request (W3C Fetch Metadata).
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a browser sent the request for a page of another origin. Browsers say so by
/// `Sec-Fetch-Site` or, where that is missing, by `Origin`; a request with neither comes from no
/// browser. One that a person asked for himself (`none`) acts for no page: it is no action.
pub fn is_foreign(headers: &HeaderMap) -> bool {
    is_of_another_page(headers) || headers.get(SITE).is_some_and(|site| site == "none")
}

/// The same, where a person may ask himself.
pub fn is_of_another_page(headers: &HeaderMap) -> bool {
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

/// Middleware that refuses a request that a browser sent for a page of another origin: 403.
pub async fn refuse_foreign(request: Request, next: Next) -> Response {
    if is_foreign(request.headers()) {
        let text = "Refused: the request comes from another site's page.\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a header"));
        }
        is_foreign(&map)
    }

    #[test]
    fn only_a_page_of_this_origin_may_act_and_what_is_no_browser() {
        let host = ("host", "127.0.0.1:8080");
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
}
