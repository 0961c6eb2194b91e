//! The load generator, which runs in its own process. Each keep-alive connection sends a request as
//! soon as it has received the previous response.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The request that every connection repeats.
#[derive(Serialize, Deserialize)]
pub(crate) struct Request {
    head: String,
    body: String,
}

/// The result of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Result {
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Responses other than 200, and broken connections.
    pub(crate) failed: u64,
}

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self {
            head: format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n"),
            body: String::new(),
        }
    }

    pub(crate) fn post(path: &str, body: &str) -> Self {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-length: {length}\r\n\r\n");
        Self {
            head,
            body: body.to_owned(),
        }
    }
}

/// Runs a load generator process.
pub(crate) fn start(url: &str, request: &Request, concurrency: usize, length: Duration) -> Result {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "load",
            host,
            &concurrency.to_string(),
            &length.as_millis().to_string(),
        ])
        .arg(serde_json::to_string(request).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).expect("the load generator's result")
}

/// The main function of the load generator process.
pub(crate) fn run(args: &[String]) {
    let [host, concurrency, length, request] = args else {
        panic!("host, concurrency, ms, request")
    };
    let (concurrency, length): (usize, u64) =
        (concurrency.parse().unwrap(), length.parse().unwrap());
    let request: Request = serde_json::from_str(request).unwrap();
    let bytes = format!("{}{}", request.head, request.body).into_bytes();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = runtime.block_on(async {
        // Requests during the warm-up are not measured.
        let warm = Instant::now() + Duration::from_millis(200);
        let end = warm + Duration::from_millis(length);
        let local = tokio::task::LocalSet::new();
        let connections: Vec<_> = (0..concurrency)
            .map(|_| local.spawn_local(connection(host.clone(), bytes.clone(), warm, end)))
            .collect();
        local.await;
        let (mut latencies, mut failed) = (Vec::new(), 0);
        for connection in connections {
            let (measured, errors) = connection.await.unwrap();
            latencies.extend(measured);
            failed += errors;
        }
        latencies.sort_unstable();
        let at = |share: f64| match latencies.len() {
            0 => f64::NAN,
            count => latencies[((count - 1) as f64 * share) as usize].as_secs_f64(),
        };
        let per_second = latencies.len() as f64 / (length as f64 / 1000.0);
        Result {
            per_second,
            p50: at(0.50),
            p99: at(0.99),
            failed,
        }
    });
    println!("{}", serde_json::to_string(&result).unwrap());
}

async fn connection(
    host: String,
    request: Vec<u8>,
    warm: Instant,
    end: Instant,
) -> (Vec<Duration>, u64) {
    let (mut latencies, mut failed) = (Vec::new(), 0);
    let mut buffer = vec![0; 1024 * 1024];
    'connect: while Instant::now() < end {
        let Ok(mut stream) = TcpStream::connect(&host).await else {
            failed += 1;
            continue;
        };
        stream.set_nodelay(true).unwrap();
        loop {
            let sent = Instant::now();
            if sent >= end {
                break 'connect;
            }
            match exchange(&mut stream, &request, &mut buffer).await {
                Some(true) if sent >= warm => latencies.push(sent.elapsed()),
                Some(true) => {}
                Some(false) => failed += 1,
                None => {
                    failed += 1;
                    continue 'connect;
                }
            }
        }
    }
    (latencies, failed)
}

/// Sends a request and reads the response. Returns whether its status is 200; `None` if the connection
/// broke.
async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut [u8]) -> Option<bool> {
    stream.write_all(request).await.ok()?;
    let mut filled = 0;
    loop {
        let read = stream
            .read(&mut buffer[filled..])
            .await
            .ok()
            .filter(|read| *read > 0)?;
        filled += read;
        let answer = &buffer[..filled];
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&answer[..end]).ok()?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        })?;
        if filled >= end + 4 + length {
            return Some(head.starts_with("HTTP/1.1 200"));
        }
    }
}
