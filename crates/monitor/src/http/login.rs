//! Who may read the page: with a page token, those who have a session or send the token.
//!
//! A session is a cookie with the time of the login and a hash of that time, the token and a key that only this
//! process has. So a session ends after twelve hours, with a new token, and with a restart, and nothing is
//! stored.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Form, Router};
use serde::Deserialize;
use service_runtime::{Token, UsageError, origin};
use sha2::{Digest, Sha256};

use super::page;

/// Browsers accept a cookie of this name only from HTTPS, and only for this host.
const COOKIE: &str = "__Host-catchweight";
/// How long a session lasts, in seconds.
const SESSION: u64 = 12 * 60 * 60;

/// The login, if the page needs one. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Login(Option<Arc<Sessions>>);

struct Sessions {
    token: Token,
    key: [u8; 32],
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

/// Has no `Debug`, because the token is a secret.
#[derive(Deserialize)]
struct LoginForm {
    token: String,
}

impl Login {
    /// A login with the token in this file; without a file, anyone may read the page.
    ///
    /// # Errors
    /// The file cannot be read or is empty.
    pub(crate) fn new(file: Option<&PathBuf>) -> Result<Self, UsageError> {
        let token = Token::in_optional_file("--page-token-file", file)?;
        let sessions = token.map(|token| {
            let key = rand::random();
            Arc::new(Sessions { token, key })
        });
        Ok(Self(sessions))
    }

    /// Lets only requests with a session or the token pass to these routes.
    pub(crate) fn protect<S: Clone + Send + Sync + 'static>(&self, routes: Router<S>) -> Router<S> {
        match &self.0 {
            Some(sessions) => routes.layer(from_fn_with_state(Arc::clone(sessions), check)),
            None => routes,
        }
    }

    /// The route of the login's form.
    pub(super) fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        match &self.0 {
            Some(sessions) => Router::new()
                .route("/login", post(log_in))
                .with_state(Arc::clone(sessions)),
            None => Router::new(),
        }
    }
}

impl Sessions {
    /// The cookie's value for a login at this time, in seconds since 1970.
    fn session(&self, begun: u64) -> String {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(begun.to_be_bytes());
        hash.update(self.token.secret().0);
        let hash: String = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{begun}.{hash}")
    }

    fn is_valid(&self, session: &str, now: u64) -> bool {
        let begun = session
            .split_once('.')
            .and_then(|(begun, _)| begun.parse().ok());
        let Some(begun) =
            begun.filter(|begun: &u64| now.checked_sub(*begun).is_some_and(|age| age < SESSION))
        else {
            return false;
        };
        // Compares in constant time.
        let expected = Token::fixed(&self.session(begun));
        expected.is_some_and(|expected| expected.matches(session.as_bytes()))
    }

    fn may_read(&self, headers: &HeaderMap) -> bool {
        self.token.is_in(headers)
            || sessions(headers).any(|session| self.is_valid(session, seconds_now()))
    }
}

/// The values of the session cookie in a request.
fn sessions(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

fn seconds_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

async fn check(State(sessions): State<Arc<Sessions>>, request: Request, next: Next) -> Response {
    if sessions.may_read(request.headers()) {
        return next.run(request).await;
    }
    if request.uri().path() == "/" {
        return page::login(StatusCode::UNAUTHORIZED, None);
    }
    let text =
        "Log in on the page first, or send the page's token as `Authorization: Bearer TOKEN`.\n";
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, challenge, text).into_response()
}

async fn log_in(
    State(sessions): State<Arc<Sessions>>,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Response {
    if origin::is_foreign(&headers) {
        let message = "The login came from a page of another site. Log in here.";
        return page::login(StatusCode::FORBIDDEN, Some(message));
    }
    if !sessions.token.matches(form.token.trim().as_bytes()) {
        tracing::warn!("a login with a wrong token");
        let message = "This is not the page's token.";
        return page::login(StatusCode::UNAUTHORIZED, Some(message));
    }
    let session = sessions.session(seconds_now());
    let cookie =
        format!("{COOKIE}={session}; Max-Age={SESSION}; Path=/; HttpOnly; Secure; SameSite=Strict");
    ([(header::SET_COOKIE, cookie)], Redirect::to("./")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_with_time_key_and_token() {
        let sessions = |token, key| Sessions {
            token: Token::fixed(token).expect("a token"),
            key,
        };
        let of = sessions("t0ken", [1; 32]);
        let session = of.session(1_000);
        assert!(of.is_valid(&session, 1_000) && of.is_valid(&session, 1_000 + SESSION - 1));
        assert!(!of.is_valid(&session, 1_000 + SESSION) && !of.is_valid(&session, 999));
        assert!(!sessions("t0ken", [2; 32]).is_valid(&session, 1_000));
        assert!(!sessions("another", [1; 32]).is_valid(&session, 1_000));
        let later = session.replace("1000.", "2000.");
        for forged in ["", ".", "1000", "1000.", later.as_str()] {
            assert!(!of.is_valid(forged, 2_000), "{forged}");
        }
        assert!(!session.contains("t0ken") && !format!("{of:?}").contains("t0ken"));
        // Overflow must not panic.
        assert!(!of.is_valid(&format!("{}.00", u64::MAX), 1_000));
    }
}
