//! One GET request without an HTTP client library.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wait::{eventually, within};

/// Status code and body of `GET path`.
pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    within("an HTTP response", try_get(address, path))
        .await
        .unwrap()
}

/// Waits until `GET /readyz` returns 200.
pub async fn ready(address: SocketAddr) {
    eventually("the service is ready", async || {
        matches!(try_get(address, "/readyz").await, Ok((200, _)))
    })
    .await;
}

async fn try_get(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let invalid = || std::io::Error::other(format!("not an HTTP response: {response}"));
    let (head, body) = response.split_once("\r\n\r\n").ok_or_else(invalid)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok((status.ok_or_else(invalid)?, body.to_owned()))
}
