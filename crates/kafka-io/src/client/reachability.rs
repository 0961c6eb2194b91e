//! Waiting for a broker, with an error that names the address and the reason.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::{KafkaSettings, RefusedConnection, log};

/// Timeout of one connection attempt and of one metadata request.
const ATTEMPT: Duration = Duration::from_secs(5);
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(200);

/// Kafka does not answer.
#[derive(Debug, thiserror::Error)]
#[error(
    "Kafka at {address} does not answer within {} s: {reason}; check that it runs, the address and the Kafka properties",
    limit.as_secs()
)]
pub struct Unreachable {
    address: String,
    limit: Duration,
    reason: String,
}

/// Notes why Kafka refuses the connection. The caller reports it.
struct Refusal(RefusedConnection);

impl ClientContext for Refusal {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
        self.0.note_log(facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note_error(&error, reason);
    }
}

impl ConsumerContext for Refusal {}

impl KafkaSettings {
    /// Waits until a broker answers. Logs a warning if the first attempt fails.
    ///
    /// librdkafka alone would retry forever, and its timeout errors name no address.
    ///
    /// # Errors
    /// If no broker answers within `limit`.
    pub async fn wait_for_broker(&self, limit: Duration) -> Result<(), Unreachable> {
        let started = Instant::now();
        let unreachable = |reason: String| Unreachable {
            address: self.bootstrap_servers.clone(),
            limit,
            reason,
        };
        let context = Refusal(RefusedConnection::new(self.clone()));
        let client: BaseConsumer<Refusal> = self
            .assigning_consumer("kafka-io-reachability")
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "1000")
            .create_with_context(context)
            .map_err(|error| unreachable(error.to_string()))?;
        let client = Arc::new(client);
        let mut warned = false;
        loop {
            let left = || limit.saturating_sub(started.elapsed());
            let connected = self.connect(left().min(ATTEMPT)).await;
            if let Err(reasons) = &connected
                && !warned
            {
                warned = true;
                tracing::warn!(reasons, limit_s = limit.as_secs(), "waiting for Kafka");
            }
            let (asked, limit) = (Arc::clone(&client), left().min(ATTEMPT));
            // These calls block their thread. The second one delivers the client's errors.
            let metadata = tokio::task::spawn_blocking(move || {
                let metadata = asked.fetch_metadata(None, limit);
                asked.poll(Duration::ZERO);
                metadata
            });
            let metadata = metadata.await;
            let refusal = client.context().0.reason();
            let reason = match (metadata, connected) {
                (Ok(Ok(_)), _) => return Ok(()),
                // Waiting does not help.
                (_, Err(reasons)) => reasons,
                (_, Ok(())) if refusal.is_some() => refusal.unwrap_or_default(),
                (Ok(Err(error)), Ok(())) => error.to_string(),
                (Err(error), Ok(())) => error.to_string(),
            };
            if left().is_zero() {
                return Err(unreachable(reason));
            }
            sleep(BETWEEN_ATTEMPTS.min(left())).await;
        }
    }

    /// Connects to the first address that accepts.
    ///
    /// # Errors
    /// If none accepts: each address with its reason.
    async fn connect(&self, limit: Duration) -> Result<(), String> {
        let mut reasons = Vec::new();
        for server in self.bootstrap_servers.split(',').map(str::trim) {
            let address = host_and_port(server);
            match timeout(limit, TcpStream::connect(&address)).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => reasons.push(format!("{address}: {error}")),
                Err(_) => reasons.push(format!("{address}: connection timed out")),
            }
        }
        Err(reasons.join("; "))
    }
}

/// librdkafka accepts `[PROTOCOL://]HOST[:PORT]`.
fn host_and_port(server: &str) -> String {
    let server = server.rsplit_once("://").map_or(server, |(_, rest)| rest);
    let has_port = server.rsplit_once(':').is_some_and(|(host, port)| {
        port.parse::<u16>().is_ok() && (host.ends_with(']') || !host.contains(':'))
    });
    match has_port {
        true => server.to_owned(),
        false => format!("{server}:9092"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use test_support::{Broker, PATIENCE, within};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
    use tokio::net::TcpListener;

    use super::*;

    async fn wait(servers: String, limit: Duration) -> Result<(), Unreachable> {
        let kafka = KafkaSettings::plain(servers);
        within("the wait ends", kafka.wait_for_broker(limit)).await
    }

    /// An address where nothing listens.
    async fn unused_address() -> String {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let address = free.expect("a port").local_addr().expect("its address");
        address.to_string()
    }

    #[tokio::test]
    async fn the_error_names_the_address_and_the_reason() {
        let address = unused_address().await;
        let failed = wait(address.clone(), Duration::from_millis(500)).await;
        let text = failed.expect_err("nobody listens").to_string();
        let start = format!("Kafka at {address} does not answer within 0 s: {address}: ");
        assert!(text.starts_with(&start), "{text}");
        assert!(text.contains("refused"), "{text}");
    }

    #[tokio::test]
    async fn a_plaintext_client_learns_that_the_port_speaks_tls() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let server = server.expect("a port");
        let address = server.local_addr().expect("its address").to_string();
        // A TLS server answers other protocols with a fatal alert, and closes.
        let refuse = async {
            loop {
                let (mut client, _) = server.accept().await.expect("a client");
                let mut request = [0; 4];
                // The first connection only tries the port.
                if client.read_exact(&mut request).await.is_ok() {
                    let alert = client.write_all(&[21, 3, 3, 0, 2, 2, 80]).await;
                    alert.expect("an open connection");
                }
            }
        };
        let failed = tokio::select! {
            waited = wait(address, Duration::from_secs(2)) => waited,
            () = refuse => unreachable!(),
        };
        let text = failed.expect_err("no Kafka").to_string();
        assert!(text.contains("its port speaks TLS"), "{text}");
        assert!(text.contains("-X security.protocol=SASL_SSL"), "{text}");
    }

    #[tokio::test]
    async fn one_address_that_answers_is_enough() {
        let broker = Broker::start();
        let servers = format!("{}, {}", unused_address().await, broker.bootstrap_servers());
        wait(servers, PATIENCE).await.expect("the second answers");
    }

    #[tokio::test]
    async fn it_waits_for_a_broker_that_starts_late() {
        let broker = Broker::start();
        let front = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let front = front.expect("a port");
        let address = front.local_addr().expect("its address").to_string();
        let proxy = async {
            // A proxy whose broker does not run yet closes connections.
            for _ in 0..4 {
                drop(front.accept().await.expect("a client"));
            }
            loop {
                let (mut client, _) = front.accept().await.expect("a client");
                let server = TcpStream::connect(broker.bootstrap_servers()).await;
                let mut server = server.expect("the broker");
                tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
            }
        };
        tokio::select! {
            waited = wait(address, PATIENCE) => waited.expect("it answers eventually"),
            () = proxy => {}
        }
    }

    #[test]
    fn an_address_may_have_a_protocol_and_no_port() {
        assert_eq!(host_and_port("SASL_SSL://kafka:9093"), "kafka:9093");
        assert_eq!(host_and_port("kafka"), "kafka:9092");
        assert_eq!(host_and_port("[::1]:7"), "[::1]:7");
        assert_eq!(host_and_port("::1"), "::1:9092");
    }
}
