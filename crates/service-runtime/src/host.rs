//! Protection against DNS rebinding: if another site's name resolves to this server, a browser treats both
//! as one origin, but its requests carry that name. Only requests to known names are accepted.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::origin;

/// The allowed names, besides addresses and `localhost`.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Arc<[String]>);

impl AllowedHosts {
    /// Allows these names.
    pub fn new(allowed: &[String]) -> Self {
        Self(
            allowed
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
        )
    }

    /// Whether a request's `Host` is an address, `localhost`, or an allowed name. All browsers send it, so
    /// requests without it are allowed.
    fn allow(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(header::HOST) else {
            return true;
        };
        let host = host.to_str().unwrap_or_default().to_ascii_lowercase();
        let name = without_port(&host);
        let address = name.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.0.iter().any(|allowed| allowed == name)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Middleware that rejects requests to another name with 421 (RFC 9110), and those without a valid `Host` with 400.
pub async fn check(State(hosts): State<AllowedHosts>, request: Request, next: Next) -> Response {
    if !origin::has_valid_host(request.version(), request.headers()) {
        let text = "The request must have exactly one `Host` header.\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    if hosts.allow(request.headers()) {
        return next.run(request).await;
    }
    let text = "This server answers only to IP addresses, localhost and names that were allowed at its start \
                (--allowed-host).\n";
    (StatusCode::MISDIRECTED_REQUEST, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_localhost_and_allowed_names_are_answered() {
        let names = AllowedHosts::new(&["Page.example".to_owned()]);
        let allowed = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().expect("a header"));
            names.allow(&headers)
        };
        for host in [
            "127.0.0.1:8080",
            "192.168.0.7",
            "[::1]:8080",
            "localhost:8080",
            "a.localhost",
            "page.example",
            "PAGE.example:443",
        ] {
            assert!(allowed(host), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example:8080",
            "page.example.evil.example",
            "localhost.evil.example",
            "",
        ] {
            assert!(!allowed(host), "{host}");
        }
        assert!(names.allow(&HeaderMap::new()), "not a browser");
    }
}
