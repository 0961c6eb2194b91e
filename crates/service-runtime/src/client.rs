//! Settings of HTTP clients: which certificate authorities they trust, and which token they send.

use std::path::PathBuf;

use reqwest::{ClientBuilder, RequestBuilder};

use crate::{Token, UsageError};

/// Whom an HTTP client trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct ClientArgs {
    /// Trust only the certificate authorities in this PEM file for https:// URLs [default: those of the
    /// operating system]
    #[arg(long, env = "CA_FILE", value_name = "FILE.pem")]
    pub ca_file: Option<PathBuf>,
}

/// Chooses the cryptography of all HTTP clients of this process. With TLS, each of them needs it, even for plain
/// HTTP; [`ClientArgs::builder`] does it too.
pub fn set_up_tls() {
    #[cfg(feature = "client-tls")]
    {
        // Fails if another part of the process has installed one.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    }
}

impl ClientArgs {
    /// A client with these settings, to be completed.
    ///
    /// # Errors
    /// The file cannot be read or has no certificate, or this build has no TLS.
    pub fn builder(&self) -> Result<ClientBuilder, UsageError> {
        set_up_tls();
        // Compose files set an unset variable to the empty string.
        let file = self.ca_file.as_ref();
        match file.filter(|file| !file.as_os_str().is_empty()) {
            None => Ok(ClientBuilder::new()),
            Some(file) => trusting(file),
        }
    }
}

#[cfg(feature = "client-tls")]
fn trusting(file: &std::path::Path) -> Result<ClientBuilder, UsageError> {
    let shown = file.display();
    let wrong = |what: String| {
        UsageError(format!(
            "--ca-file {shown} {what}; expected a PEM file of certificates, such as secrets/ca/ca.crt"
        ))
    };
    let pem = std::fs::read(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let authorities = reqwest::Certificate::from_pem_bundle(&pem)
        .map_err(|error| wrong(format!("is not valid: {error}")))?;
    if authorities.is_empty() {
        return Err(wrong("has no certificate".to_owned()));
    }
    Ok(ClientBuilder::new().tls_certs_only(authorities))
}

#[cfg(not(feature = "client-tls"))]
fn trusting(_: &std::path::Path) -> Result<ClientBuilder, UsageError> {
    let text =
        "--ca-file needs TLS: this program was built without it; build it with `--features tls`";
    Err(UsageError(text.to_owned()))
}

/// How to call the model server.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct ModelClientArgs {
    /// Whom to trust.
    #[command(flatten)]
    pub client: ClientArgs,

    /// File with the read token of the model server, if it requires one
    #[arg(long, env = "MODEL_TOKEN_FILE", value_name = "FILE")]
    pub model_token_file: Option<PathBuf>,
}

impl ModelClientArgs {
    /// The token to send, if any.
    ///
    /// # Errors
    /// The file cannot be read or has no token.
    pub fn token(&self) -> Result<Option<Token>, UsageError> {
        Token::in_optional_file("--model-token-file", self.model_token_file.as_ref())
    }
}

/// Adds the token to a request.
pub fn with_token(request: RequestBuilder, token: Option<&Token>) -> RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token.secret().0),
        None => request,
    }
}

/// The last cause of a failed request, with what to do about it: `invalid peer certificate: Expired` says more than
/// `error sending request`.
pub fn reason(error: &reqwest::Error) -> String {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason = cause.to_string();
        source = cause.source();
    }
    match advice(&reason) {
        Some(advice) => format!("{reason}; {advice}"),
        None => reason,
    }
}

/// What to do about an error of TLS. rustls has no stable error types behind reqwest, only texts.
fn advice(reason: &str) -> Option<&'static str> {
    let advice = [
        (
            "UnknownIssuer",
            "trust its certificate authority with --ca-file",
        ),
        (
            // An authority of the same name with another key.
            "BadSignature",
            "trust its certificate authority with --ca-file",
        ),
        ("Expired", "renew the server's certificate"),
        ("certificate expired", "renew the server's certificate"),
        (
            "not valid for name",
            "use a host name that the certificate has",
        ),
        (
            "InvalidContentType",
            "the server speaks plain HTTP: use a URL with http://",
        ),
    ];
    let (_, advice) = advice.iter().find(|(words, _)| reason.contains(words))?;
    Some(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_errors_have_advice() {
        for (reason, advised) in [
            ("invalid peer certificate: UnknownIssuer", "--ca-file"),
            ("invalid peer certificate: BadSignature", "--ca-file"),
            (
                "invalid peer certificate: certificate expired: verification time 1795900000 (UNIX)",
                "renew",
            ),
            (
                "invalid peer certificate: certificate not valid for name \"localhost\"",
                "host name",
            ),
            ("connection refused", "none"),
        ] {
            let advice = advice(reason).unwrap_or("none");
            assert!(advice.contains(advised), "{reason}: {advice}");
        }
    }
}
