//! Security headers of all answers: no content from other hosts, no framing.

use axum::http::{HeaderValue, header};
use axum::response::Response;

/// Allows only content of this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    font-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) async fn add(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // With `no-referrer`, the form's request would have the origin `null`.
    set(header::REFERRER_POLICY, "same-origin");
    answer
}
