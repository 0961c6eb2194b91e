//! The optional token that statements need if they change something.

use std::fmt;
use std::path::Path;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use service_runtime::UsageError;
use subtle::ConstantTimeEq;

use crate::state::Shared;

/// A token. Clients send it as a bearer token, or as the password of any user.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token in a file, without white space around it. `flag` names the file in errors.
    ///
    /// # Errors
    /// The file cannot be read, is empty, or contains more than one word.
    pub fn read(flag: &str, path: &Path) -> Result<Self, UsageError> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| UsageError(format!("{flag} {shown} cannot be read: {error}")))?;
        match text.split_whitespace().collect::<Vec<_>>().as_slice() {
            [token] => Ok(Self((*token).to_owned())),
            words => Err(UsageError(format!(
                "{flag} {shown} contains {} words, expected one: the token",
                words.len()
            ))),
        }
    }

    /// Whether an `Authorization` header contains the token.
    fn is_in(&self, header: &[u8]) -> bool {
        let is = |sent: &[u8]| bool::from(sent.ct_eq(self.0.as_bytes()));
        let space = header.iter().position(|byte| *byte == b' ');
        let (scheme, sent) = header.split_at(space.unwrap_or(header.len()));
        let sent = sent.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return is(sent);
        }
        let decoded = BASE64_STANDARD.decode(sent).unwrap_or_default();
        let colon = decoded.iter().position(|byte| *byte == b':');
        let password = colon.and_then(|colon| decoded.get(colon + 1..));
        scheme.eq_ignore_ascii_case(b"basic") && password.is_some_and(is)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Whether the client may change something: it sent the token, or no token is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authorized(pub(crate) bool);

impl FromRequestParts<Shared> for Authorized {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Shared,
    ) -> Result<Self, Self::Rejection> {
        let header = parts.headers.get(AUTHORIZATION);
        Ok(Self(state.token.as_ref().is_none_or(|token| {
            header.is_some_and(|header| token.is_in(header.as_bytes()))
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_a_bearer_token_or_a_password() {
        let token = Token("t0k:en".to_owned());
        for (header, is_in) in [
            ("Bearer t0k:en", true),
            ("bearer  t0k:en ", true),
            ("Basic YW55OnQwazplbg==", true),
            ("BASIC OnQwazplbg==", true),
            ("Bearer t0k:e", false),
            ("Bearer", false),
            ("Basic t0k:en", false),
            ("Basic YW55OnQwazpl", false),
            ("t0k:en", false),
            ("", false),
        ] {
            assert_eq!(token.is_in(header.as_bytes()), is_in, "{header}");
        }
        assert_eq!(format!("{token:?}"), "…");
    }

    #[test]
    fn a_token_file_contains_one_word() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("token");
        let read = |text: &str| {
            std::fs::write(&file, text).expect("written");
            Token::read("--token-file", &file).map(|token| token.0)
        };
        assert_eq!(read(" secret\n").expect("a token"), "secret");
        for (text, count) in [("\n", "0 words"), ("a\nb\n", "2 words")] {
            let error = read(text).expect_err(text).0;
            assert!(error.contains(count) && !error.contains('b'), "{error}");
        }
        let missing = Token::read("--token-file", &folder.path().join("no"));
        assert!(missing.expect_err("no file").0.contains("cannot be read"));
    }
}
