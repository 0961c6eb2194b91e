//! The cost of slow clients: memory, and the latency of other clients' predictions.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::server::Server;
use crate::{BATCH, PREDICTION};

/// Timeout of a request; longer than the server's limits.
const LIMIT: Duration = Duration::from_secs(60);
/// Time for all clients to send their data.
const SETTLE: Duration = Duration::from_secs(3);

/// Measures each kind of client on its own server and prints a table.
pub(crate) fn measure() {
    println!(
        "| clients | memory before | peak | prediction on an open connection | on a new one | batch of 500 rows |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    let head = "GET /prediction HTTP/1.1\r\nhost: x\r\nx: ";
    let head = format!("{head}{}", "x".repeat(8_000));
    scenario("2,000 that send half a head", 2_000, &head);
    let body = "POST /predictions HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n[";
    let body = format!("{body}{}", " ".repeat(1_000_000));
    scenario("1,000 that send half a body", 1_000, &body);
    println!();
}

fn scenario(name: &str, clients: usize, request: &str) {
    let server = Server::model(10_000);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let host = server.url.trim_start_matches("http://");
        let mut open = TcpStream::connect(host).await.unwrap();
        predict(&mut open).await;
        let before = server.resident_mib();
        let slow: Vec<_> = (0..clients)
            .map(|_| tokio::spawn(client(host.to_owned(), request.to_owned())))
            .collect();
        tokio::time::sleep(SETTLE).await;
        let on_open = predict(&mut open).await;
        let started = Instant::now();
        let mut new = TcpStream::connect(host).await.unwrap();
        predict(&mut new).await;
        let on_new = started.elapsed();
        let batch = predict_many(&mut new).await;
        println!(
            "| {name} | {before:.0} MiB | {:.0} MiB | {} | {} | {batch} |",
            server.peak_mib(),
            millis(on_open),
            millis(on_new),
        );
        for client in slow {
            client.abort();
        }
    });
}

/// Sends as much of `request` as the server accepts, and keeps the connection open.
async fn client(host: String, request: String) {
    let Ok(mut stream) = TcpStream::connect(host).await else {
        return;
    };
    // The server may close the connection before it has read everything.
    let _ = stream.write_all(request.as_bytes()).await;
    std::future::pending().await
}

/// Latency of a batch of 500 predictions, or of the 503 after which a client retries.
async fn predict_many(stream: &mut TcpStream) -> String {
    let started = Instant::now();
    let row = r#"{"length":86.37,"height":18.74,"species":"salmon"}"#;
    let body = format!("[{}]", vec![row; BATCH].join(","));
    let length = body.len();
    let head = "POST /predictions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let request = format!("{head}content-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(LIMIT, stream.read_to_end(&mut answer)).await;
    read.expect("an answer in time").unwrap();
    let head = String::from_utf8_lossy(&answer[..answer.len().min(200)]);
    let took = millis(started.elapsed());
    if head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nretry-after: ") {
        return format!("503 after {took}");
    }
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    took
}

/// Latency of a prediction on an open connection.
async fn predict(stream: &mut TcpStream) -> Duration {
    let started = Instant::now();
    let request = format!("GET {PREDICTION} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = timeout(LIMIT, stream.read(&mut answer)).await;
    let read = read.expect("an answer in time").unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200 "));
    started.elapsed()
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
