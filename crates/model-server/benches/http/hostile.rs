//! What clients that misbehave cost: memory, and the predictions of others.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::server::Server;
use crate::{BATCH, PREDICTION};

/// Longer than the server's limits.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often one that reads by drips reads.
const DRIP: Duration = Duration::from_millis(100);
/// Long enough for all clients to have sent what they send.
const SETTLED: Duration = Duration::from_secs(3);

/// Measures each kind of client on a server of its own, and prints a table.
pub(crate) fn measure() {
    println!(
        "| clients | memory before | peak | prediction on an open connection | on a new one | 500 rows, as the predictor asks |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    let head = "GET /prediction HTTP/1.1\r\nhost: x\r\nx: ";
    let body = "POST /predictions HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n[";
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    let row = r#"{"length":86.37,"height":18.74,"species":"salmon"}"#;
    let batch = format!("[{}]", vec![row; 5_000].join(","));
    let length = batch.len();
    let batch =
        format!("POST /predictions HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{batch}");
    scenario("2,000 that send half a head", 2_000, |_| {
        format!("{head}{}", "x".repeat(8_000))
    });
    scenario("1,000 that send half a body", 1_000, |_| {
        format!("{body}{}", " ".repeat(1_000_000))
    });
    scenario("200 that do not read /models", 200, |_| {
        get("/models?limit=100")
    });
    scenario(
        "200 that do not read 10,000 training rows",
        200,
        |version| get(&format!("/models/{version}/rows")),
    );
    scenario("200 that do not read a batch of 5,000", 200, |_| {
        batch.clone()
    });
    let drips = "200 that read a batch of 5,000 by drips";
    scenario_of(drips, 200, Reading::Drips, |_| batch.clone());
    println!();
}

fn scenario(name: &str, clients: usize, request: impl Fn(&str) -> String) {
    scenario_of(name, clients, Reading::Nothing, request);
}

fn scenario_of(name: &str, clients: usize, reading: Reading, request: impl Fn(&str) -> String) {
    let server = Server::model(10_000);
    let version = server.history(100, 10_000);
    let request = request(&version).into_bytes();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let host = server.url.trim_start_matches("http://");
        let mut open = TcpStream::connect(host).await.unwrap();
        predict(&mut open).await;
        let before = server.resident_mib();
        let hostile: Vec<_> = (0..clients)
            .map(|_| tokio::spawn(client(host.to_owned(), request.clone(), reading)))
            .collect();
        tokio::time::sleep(SETTLED).await;
        let on_open = predict(&mut open).await;
        let started = Instant::now();
        let mut new = TcpStream::connect(host).await.unwrap();
        predict(&mut new).await;
        let on_new = started.elapsed();
        let of_many = predict_many(&mut new).await;
        println!(
            "| {name} | {before:.0} MiB | {:.0} MiB | {} | {} | {} |",
            server.peak_mib(),
            seconds(on_open),
            seconds(on_new),
            of_many
        );
        for client in hostile {
            client.abort();
        }
    });
}

/// How clients take what they asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Not at all.
    Nothing,
    /// 4 KiB every 100 ms.
    Drips,
}

/// Sends what it sends as far as it is taken, reads like this, and stays.
async fn client(host: String, request: Vec<u8>, reading: Reading) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let Ok(mut stream) = socket.connect(host.parse().unwrap()).await else {
        return;
    };
    // The server may refuse it on the way.
    let _ = stream.write_all(&request).await;
    if reading == Reading::Nothing {
        std::future::pending().await
    }
    let mut drip = vec![0; 4_096];
    while let Ok(1..) = stream.read(&mut drip).await {
        tokio::time::sleep(DRIP).await;
    }
}

/// How long 500 predictions take in one call, or that they were turned away: the predictor asks again
/// then.
async fn predict_many(stream: &mut TcpStream) -> String {
    let started = Instant::now();
    let row = r#"{"length":86.37,"height":18.74,"species":"salmon"}"#;
    let body = format!("[{}]", vec![row; BATCH].join(","));
    let length = body.len();
    let head = "POST /predictions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let request = format!("{head}content-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("an answer in time").unwrap();
    let head = String::from_utf8_lossy(&answer[..answer.len().min(200)]);
    let took = seconds(started.elapsed());
    if head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nretry-after: ") {
        return format!("503 after {took}");
    }
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    took
}

/// How long a prediction takes, whose connection is open already.
async fn predict(stream: &mut TcpStream) -> Duration {
    let started = Instant::now();
    let request = format!("GET {PREDICTION} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = timeout(PATIENCE, stream.read(&mut answer)).await;
    let read = read.expect("an answer in time").unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200 "));
    started.elapsed()
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
