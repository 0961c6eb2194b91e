//! HTTPS: the certificate of a server, taken up again when its files change.

mod check;
mod expiry;
mod plain;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::server::TlsStream;

use crate::UsageError;
use crate::watched::Watched;

pub(crate) use check::connect;
pub(crate) use plain::Warned;

/// The certificate of a server. Clones share it.
#[derive(Clone, Debug)]
pub struct Tls {
    certificate: Arc<Watched<Certificate>>,
    acceptor: Acceptor,
}

#[derive(Clone)]
struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsAcceptor")
    }
}

/// A certificate with its chain and key.
#[derive(Debug)]
struct Certificate {
    key: Arc<CertifiedKey>,
    /// When it expires, in seconds since 1970.
    expires: i64,
}

impl Tls {
    /// Reads a certificate, with its chain, and its key from PEM files.
    ///
    /// # Errors
    /// A file cannot be read or has no certificate or key, the key is another certificate's, or the
    /// certificate has expired.
    pub(super) fn open(certificate: PathBuf, key: PathBuf) -> Result<Self, UsageError> {
        let provider = Arc::new(ring::default_provider());
        let files = vec![certificate.clone(), key.clone()];
        let of_reader = Arc::clone(&provider);
        let read = move || Certificate::read(&certificate, &key, &of_reader);
        let certificate = Watched::new("certificate of the server", files, read);
        let certificate = Arc::new(certificate.map_err(UsageError)?);
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| UsageError(format!("TLS cannot be set up: {error}")))?;
        let mut config = config
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Resolver(Arc::clone(&certificate))));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = Acceptor(TlsAcceptor::from(Arc::new(config)));
        Ok(Self {
            certificate,
            acceptor,
        })
    }

    /// Exports when the certificate expires.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(Expiry(Arc::clone(&self.certificate))));
    }

    /// Accepts a connection. A client that speaks plain HTTP is answered in plain HTTP that the port needs
    /// HTTPS.
    ///
    /// # Errors
    /// The handshake fails, or the client speaks plain HTTP.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        warned: &Warned,
    ) -> io::Result<TlsStream<TcpStream>> {
        let stream = plain::reject(stream, peer, warned).await?;
        self.acceptor.0.accept(stream).await
    }
}

impl Certificate {
    fn read(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<Self, String> {
        let chain_file = format!("--tls-certificate {}", certificate.display());
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| {
                format!("{chain_file} cannot be read: {error}; expected a PEM file of certificates")
            })?;
        let first = chain.first().ok_or_else(|| {
            format!("{chain_file} has no certificate; expected a PEM file, the server's own first")
        })?;
        let expires = expiry::of(first)
            .ok_or_else(|| format!("{chain_file}: the first certificate is not valid X.509"))?;
        let now = jiff::Timestamp::now().as_second();
        if expires <= now {
            let date = jiff::Timestamp::from_second(expires).unwrap_or_default();
            return Err(format!(
                "{chain_file} expired on {date}; renew it (scripts/certificates --renew SERVICE)"
            ));
        }
        let key_file = format!("--tls-key {}", key.display());
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
            format!("{key_file} cannot be read: {error}; expected a PEM file with a private key")
        })?;
        let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| {
            format!("{key_file} does not fit {chain_file}: {error}; name the certificate's own key")
        })?;
        Ok(Self {
            key: Arc::new(key),
            expires,
        })
    }
}

#[derive(Debug)]
struct Resolver(Arc<Watched<Certificate>>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.get().key))
    }
}

/// When the certificate expires, read at each scrape.
#[derive(Debug)]
struct Expiry(Arc<Watched<Certificate>>);

impl Collector for Expiry {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let help = "When the server's certificate expires, in seconds since 1970";
        let gauge = ConstGauge::new(self.0.get().expires);
        let name = "certificate_expiry_timestamp_seconds";
        gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }
}
