//! Clients of a server with a certificate, over real connections.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::ops;
use crate::server::{self, Config};

const LONG: Duration = Duration::from_secs(20);
/// `date -u -d '2126-11-05 13:41:16' +%s`, the end of `first.crt`.
const FIRST_EXPIRES: &str = "4949559676";

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(file)
}

/// A folder with `tls.crt` and `tls.key`.
fn folder_of(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, &format!("{name}.crt"), "tls.crt");
    put(&folder, &format!("{name}.key"), "tls.key");
    folder
}

fn put(folder: &TempDir, from: &str, to: &str) {
    // A new file, as a rotation makes it.
    let new = folder.path().join("new");
    std::fs::copy(data(from), &new).unwrap();
    std::fs::rename(new, folder.path().join(to)).unwrap();
}

fn open(folder: &TempDir) -> Result<Tls, UsageError> {
    Tls::open(folder.path().join("tls.crt"), folder.path().join("tls.key"))
}

/// A server that answers `hello`, until the test ends.
async fn serve(tls: Tls) -> SocketAddr {
    let listener = server::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = Config {
        tls: Some(tls),
        ..Config::default()
    };
    let router = Router::new().route("/", get(|| async { "hello" }));
    tokio::spawn(server::serve_with(
        config,
        listener,
        router,
        CancellationToken::new(),
    ));
    address
}

/// The server's certificate and its answer to a client that trusts `authority`.
async fn ask(
    address: SocketAddr,
    authority: &str,
    name: &'static str,
) -> io::Result<(CertificateDer<'static>, String)> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(data(authority)).unwrap();
    // A certificate that is no authority is trusted as itself.
    roots.add(authority).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let asked = async {
        let stream = TcpStream::connect(address).await?;
        let mut stream = connector
            .connect(ServerName::try_from(name).unwrap(), stream)
            .await?;
        let certificates = stream.get_ref().1.peer_certificates().unwrap();
        let certificate = certificates[0].clone().into_owned();
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok((certificate, answer))
    };
    timeout(LONG, asked).await.expect("in time")
}

fn certificate(file: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(data(file)).unwrap()
}

#[tokio::test]
async fn a_replaced_certificate_is_taken_up() {
    let folder = folder_of("first");
    let address = serve(open(&folder).unwrap()).await;
    let (seen, answer) = ask(address, "ca.crt", "localhost").await.unwrap();
    assert_eq!(seen, certificate("first.crt"));
    assert!(answer.ends_with("hello"), "{answer}");

    // Between the two files, the former certificate stays.
    put(&folder, "second.key", "tls.key");
    let (seen, _) = ask(address, "ca.crt", "localhost").await.unwrap();
    assert_eq!(seen, certificate("first.crt"));
    put(&folder, "second.crt", "tls.crt");
    let (seen, _) = ask(address, "ca.crt", "localhost").await.unwrap();
    assert_eq!(seen, certificate("second.crt"));
}

#[tokio::test]
async fn clients_that_do_not_trust_the_server_do_not_stop_it() {
    let folder = folder_of("first");
    let address = serve(open(&folder).unwrap()).await;
    let error = ask(address, "second.crt", "localhost").await.unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    let error = ask(address, "ca.crt", "another").await.unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");
    ask(address, "ca.crt", "localhost").await.unwrap();
}

#[tokio::test]
async fn plain_http_is_answered_with_what_to_do() {
    let folder = folder_of("first");
    let address = serve(open(&folder).unwrap()).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    let read = timeout(LONG, client.read_to_string(&mut answer)).await;
    read.expect("in time").unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.ends_with("use a URL with https://\n"), "{answer}");
}

#[tokio::test]
async fn the_health_check_knows_the_server_by_its_certificate() {
    let folder = folder_of("first");
    let address = serve(open(&folder).unwrap()).await;
    let connect = async |file: &str| {
        let stream = TcpStream::connect(address).await.unwrap();
        connect(stream, &data(file)).await
    };
    connect("first.crt").await.unwrap();
    let error = connect("second.crt").await.unwrap_err().to_string();
    assert!(error.contains("another certificate"), "{error}");
}

#[test]
fn a_certificate_that_cannot_be_used_is_rejected_with_the_reason() {
    for (certificate, key, reason) in [
        ("first.crt", "second.key", "does not fit"),
        ("expired.crt", "first.key", "expired on 2026-11-29"),
        ("first.key", "first.key", "has no certificate"),
        ("first.crt", "first.crt", "--tls-key"),
        ("none.crt", "first.key", "cannot be read"),
    ] {
        let error = Tls::open(data(certificate), data(key)).unwrap_err().0;
        assert!(
            error.contains(reason) && error.contains("--tls-"),
            "{error}"
        );
    }
}

#[test]
fn the_end_of_the_certificate_is_exported() {
    let mut registry = ops::registry();
    open(&folder_of("first")).unwrap().register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let sample = format!("catchweight_certificate_expiry_timestamp_seconds {FIRST_EXPIRES}");
    assert!(text.lines().any(|line| line == sample), "{text}");
}
