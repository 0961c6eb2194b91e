//! Plain HTTP on a port that needs HTTPS: one clear answer and a line in the log.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The first byte of a TLS handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;
/// Minimum time between two warnings.
const INTERVAL: Duration = Duration::from_secs(60);

const ANSWER: &str = "This port speaks HTTPS: use a URL with https://\n";

/// When the last warning was logged. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warned(Arc<Mutex<Option<Instant>>>);

impl Warned {
    /// Whether a warning is due; if so, the next one is due after [`INTERVAL`].
    pub(crate) fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|at| at.elapsed() > INTERVAL);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

/// Returns the connection if the client begins a handshake; otherwise answers it.
pub(super) async fn reject(
    mut stream: TcpStream,
    peer: SocketAddr,
    warned: &Warned,
) -> io::Result<TcpStream> {
    let mut first = [0];
    let length = stream.peek(&mut first).await?;
    if length == 0 || first[0] == HANDSHAKE {
        return Ok(stream);
    }
    if warned.is_due() {
        tracing::warn!(
            %peer,
            "a client sent plain HTTP to a port that speaks HTTPS; give it a URL with https:// \
             (further clients are not logged for a minute)"
        );
    }
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing with unread data would reset the connection, and the client would not see the answer.
    let mut rest = [0; 1024];
    while stream.try_read(&mut rest).is_ok_and(|length| length > 0) {}
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "plain HTTP on a port that speaks HTTPS",
    ))
}
