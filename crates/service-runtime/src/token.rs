//! Bearer tokens (RFC 6750): from a file or a flag, sent or compared.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::UsageError;
use crate::watched::Watched;

/// A string that `Debug` does not show.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "…" })
    }
}

/// A token. If it is in a file and the file changes, the new one counts within two seconds. Clones share it.
#[derive(Clone)]
pub struct Token(Arc<Source>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

enum Source {
    Fixed(Hashed),
    File(Watched<Hashed>),
}

/// A token and its hash. Hashes have equal lengths, so that every comparison takes the same time.
struct Hashed {
    token: Secret,
    hash: [u8; 32],
}

impl Hashed {
    fn of(token: &str) -> Self {
        Self {
            token: Secret(token.to_owned()),
            hash: hash(token.as_bytes()),
        }
    }
}

impl Token {
    /// A token that stays the same. `None` if the text is empty or blank.
    pub fn fixed(text: &str) -> Option<Self> {
        // An HTTP header's value has no leading or trailing spaces.
        let text = text.trim_ascii();
        (!text.is_empty()).then(|| Self(Arc::new(Source::Fixed(Hashed::of(text)))))
    }

    /// The token in a file, without the spaces around it. `flag` names the setting in errors and in the log.
    ///
    /// # Errors
    /// The file cannot be read, is empty, or contains more than one line.
    pub fn in_file(flag: &'static str, path: PathBuf) -> Result<Self, UsageError> {
        let files = vec![path.clone()];
        let read = move || {
            let shown = path.display();
            let text = std::fs::read_to_string(&path).map_err(|error| {
                format!("{flag} {shown} cannot be read: {error}; name a file with the token")
            })?;
            match text.trim_ascii() {
                "" => Err(format!("{flag} {shown} is empty: write the token into it")),
                token if token.contains(char::is_control) || !token.is_ascii() => Err(format!(
                    "{flag} {shown}: expected one line of ASCII characters, the token"
                )),
                token => Ok(Hashed::of(token)),
            }
        };
        let watched = Watched::new(flag, files, read).map_err(UsageError)?;
        Ok(Self(Arc::new(Source::File(watched))))
    }

    /// The token in a file, if a file is given.
    ///
    /// # Errors
    /// As [`in_file`](Self::in_file).
    pub fn in_optional_file(
        flag: &'static str,
        path: Option<&PathBuf>,
    ) -> Result<Option<Self>, UsageError> {
        // Compose files set an unset variable to the empty string.
        let path = path.filter(|path| !path.as_os_str().is_empty());
        path.map(|path| Self::in_file(flag, path.clone()))
            .transpose()
    }

    /// The token's text, to send it.
    pub fn secret(&self) -> Secret {
        self.with(|hashed| hashed.token.clone())
    }

    /// Whether `sent` is the token.
    pub fn matches(&self, sent: &[u8]) -> bool {
        self.with(|hashed| hash(sent).ct_eq(&hashed.hash).into())
    }

    /// Whether a request's header `Authorization` has the token.
    pub fn is_in(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_some_and(|sent| self.matches(sent))
    }

    fn with<R>(&self, use_it: impl FnOnce(&Hashed) -> R) -> R {
        match &*self.0 {
            Source::Fixed(hashed) => use_it(hashed),
            Source::File(watched) => use_it(&watched.get()),
        }
    }
}

fn hash(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// The token in the header `Authorization`. The scheme's name is not case-sensitive.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sends(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn only_the_token_matches() {
        let token = Token::fixed(" open sesame\n").unwrap();
        for value in [
            "Bearer open sesame",
            "bearer open sesame",
            "BEARER  open sesame ",
        ] {
            assert!(token.is_in(&sends(value)), "{value}");
        }
        for value in [
            "open sesame",
            "Bearer open",
            "Basic open sesame",
            "Bearer",
            "",
        ] {
            assert!(!token.is_in(&sends(value)), "{value}");
        }
        assert!(!token.is_in(&HeaderMap::new()));
        assert!(Token::fixed(" \n").is_none());
    }

    #[test]
    fn a_replaced_file_replaces_the_token() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "first\n").unwrap();
        let token = Token::in_file("--token-file", file.path().to_owned()).unwrap();
        assert!(token.matches(b"first"));
        for text in ["the second", "a third one"] {
            std::fs::write(&file, text).unwrap();
            assert!(token.matches(text.as_bytes()) && !token.matches(b"first"));
        }
        // An empty file does not open the door: the former token stays.
        std::fs::write(&file, "").unwrap();
        assert!(token.matches(b"a third one") && !token.matches(b""));
        std::fs::remove_file(&file).unwrap();
        assert!(token.matches(b"a third one"));
        std::fs::write(&file, "back").unwrap();
        assert!(token.matches(b"back") && !token.matches(b"a third one"));
    }

    #[test]
    fn a_file_without_a_token_is_rejected_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let error = |path: &PathBuf| Token::in_file("--x-file", path.clone()).unwrap_err();
        assert!(error(&path).0.contains("cannot be read"));
        for text in ["", " \n", "two\nlines", "schlüssel"] {
            std::fs::write(&path, text).unwrap();
            let error = error(&path).0;
            assert!(
                error.starts_with("--x-file ") && !error.contains("two"),
                "{error}"
            );
        }
        assert!(
            Token::in_optional_file("--x-file", Some(&PathBuf::new()))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn debug_output_hides_a_token() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "t0ken").unwrap();
        let in_file = Token::in_file("--token-file", file.path().to_owned()).unwrap();
        let shown = format!("{:?} {in_file:?}", Token::fixed("t0ken"));
        assert!(!shown.contains("t0ken"), "{shown}");
    }
}
