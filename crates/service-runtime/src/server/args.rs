//! The flags of a server with a certificate.

use std::path::PathBuf;

use super::Tls;
use crate::UsageError;

/// The certificate of a server; without one, it speaks plain HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct TlsArgs {
    /// Serve HTTPS with this certificate: a PEM file, the server's own certificate first. A replaced file is
    /// taken up without a restart
    #[arg(long, env = "TLS_CERTIFICATE", value_name = "FILE.pem", global = true)]
    pub tls_certificate: Option<PathBuf>,

    /// The certificate's private key, a PEM file
    #[arg(long, env = "TLS_KEY", value_name = "FILE.pem", global = true)]
    pub tls_key: Option<PathBuf>,
}

impl TlsArgs {
    /// Reads the certificate and its key, if they are given.
    ///
    /// # Errors
    /// Only one of them is given, they cannot be used, or this build cannot serve HTTPS.
    pub fn open(&self) -> Result<Option<Tls>, UsageError> {
        match self.files() {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => open(certificate, key).map(Some),
            (Some(_), None) => Err(UsageError(
                "--tls-certificate needs --tls-key: name the file of its private key".into(),
            )),
            (None, Some(_)) => Err(UsageError(
                "--tls-key needs --tls-certificate: name the file of the certificate".into(),
            )),
        }
    }

    /// The given files. Compose files set an unset variable to the empty string.
    pub(crate) fn files(&self) -> (Option<PathBuf>, Option<PathBuf>) {
        let given =
            |file: &Option<PathBuf>| file.clone().filter(|file| !file.as_os_str().is_empty());
        (given(&self.tls_certificate), given(&self.tls_key))
    }
}

#[cfg(feature = "https")]
fn open(certificate: PathBuf, key: PathBuf) -> Result<Tls, UsageError> {
    Tls::open(certificate, key)
}

#[cfg(not(feature = "https"))]
fn open(_: PathBuf, _: PathBuf) -> Result<Tls, UsageError> {
    Err(UsageError(
        "--tls-certificate needs HTTPS: this program was built without it; build it with the feature `https`"
            .into(),
    ))
}
