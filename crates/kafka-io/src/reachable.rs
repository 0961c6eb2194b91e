//! Whether Kafka answers, asked before a job that is nothing without it: librdkafka alone would try
//! again for ever, and what it says when it has waited long enough names no address.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::KafkaSettings;

/// How long one question, and an address that lets nobody in, may take.
const QUESTION: Duration = Duration::from_secs(5);
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(200);

/// Kafka does not answer.
#[derive(Debug, thiserror::Error)]
#[error(
    "Kafka at {address} does not answer within {} s: {reason}; is it running, and are the address and the properties right?",
    patience.as_secs()
)]
pub struct Unreachable {
    address: String,
    patience: Duration,
    reason: String,
}

impl KafkaSettings {
    /// Waits until Kafka answers, and says so in the log where it does not at once.
    ///
    /// # Errors
    /// Where it does not answer within `patience`; the error names the address and the reason.
    pub async fn reach(&self, patience: Duration) -> Result<(), Unreachable> {
        let began = Instant::now();
        let unreachable = |reason: String| Unreachable {
            address: self.bootstrap_servers.clone(),
            patience,
            reason,
        };
        let client: BaseConsumer = self
            .assigning_consumer("kafka-io-reach")
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "1000")
            .create()
            .map_err(|error| unreachable(error.to_string()))?;
        let client = Arc::new(client);
        let mut is_told = false;
        loop {
            let left = || patience.saturating_sub(began.elapsed());
            let connected = self.connect(left().min(QUESTION)).await;
            if let Err(reasons) = &connected
                && !is_told
            {
                is_told = true;
                let patience_s = patience.as_secs();
                tracing::warn!(reasons, patience_s, "waiting for Kafka");
            }
            let (client, limit) = (Arc::clone(&client), left().min(QUESTION));
            // librdkafka waits for the answer in the calling thread.
            let asked = tokio::task::spawn_blocking(move || client.fetch_metadata(None, limit));
            let reason = match (asked.await, connected) {
                (Ok(Ok(_)), _) => return Ok(()),
                (_, Err(reasons)) => reasons,
                (Ok(Err(error)), Ok(())) => error.to_string(),
                (Err(error), Ok(())) => error.to_string(),
            };
            if left().is_zero() {
                return Err(unreachable(reason));
            }
            sleep(BETWEEN_QUESTIONS.min(left())).await;
        }
    }

    /// Whether one of the addresses lets anybody in.
    ///
    /// # Errors
    /// Each address with its reason, where none does.
    async fn connect(&self, limit: Duration) -> Result<(), String> {
        let mut reasons = Vec::new();
        for server in self.bootstrap_servers.split(',').map(str::trim) {
            let address = host_and_port(server);
            match timeout(limit, TcpStream::connect(&address)).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => reasons.push(format!("{address}: {error}")),
                Err(_) => reasons.push(format!("{address}: lets nobody in")),
            }
        }
        Err(reasons.join("; "))
    }
}

/// librdkafka takes `PROTOCOL://HOST[:PORT]`.
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

    use test_support::Broker;
    use tokio::io::copy_bidirectional;
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// An address at which nothing listens.
    async fn nowhere() -> String {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let address = free.expect("a port").local_addr().expect("its address");
        address.to_string()
    }

    #[tokio::test]
    async fn a_broker_that_is_not_there_is_told_with_its_address_and_the_reason() {
        let address = nowhere().await;
        let kafka = KafkaSettings::plain(address.clone());
        let reached = timeout(LIMIT, kafka.reach(Duration::from_millis(500))).await;
        let told = reached.expect("in time").expect_err("nobody").to_string();
        let start = format!("Kafka at {address} does not answer within 0 s: {address}: ");
        assert!(
            told.starts_with(&start) && told.contains("refused"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn one_address_that_answers_is_enough() {
        let broker = Broker::start();
        let servers = format!("{}, {}", nowhere().await, broker.bootstrap_servers());
        let reached = timeout(LIMIT, KafkaSettings::plain(servers).reach(LIMIT)).await;
        reached.expect("in time").expect("the second one answers");
    }

    #[tokio::test]
    async fn a_broker_that_is_not_up_yet_is_waited_for() {
        let broker = Broker::start();
        let servers = broker.bootstrap_servers();
        let front = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let front = front.expect("a port");
        let kafka = KafkaSettings::plain(front.local_addr().expect("one").to_string());
        let opening = async {
            // Closed at once, as by a proxy whose broker starts.
            for _ in 0..4 {
                drop(front.accept().await.expect("a client"));
            }
            loop {
                let (mut client, _) = front.accept().await.expect("a client");
                let mut behind = TcpStream::connect(servers).await.expect("the broker");
                tokio::spawn(async move { copy_bidirectional(&mut client, &mut behind).await });
            }
        };
        let reached = async {
            tokio::select! {
                reached = kafka.reach(LIMIT) => reached,
                () = opening => Ok(()),
            }
        };
        let reached = timeout(LIMIT, reached).await;
        reached.expect("in time").expect("it answers in the end");
    }

    #[test]
    fn an_address_may_have_a_protocol_and_need_no_port() {
        assert_eq!(host_and_port("SASL_SSL://kafka:9093"), "kafka:9093");
        assert_eq!(host_and_port("kafka"), "kafka:9092");
        assert_eq!(host_and_port("[::1]:7"), "[::1]:7");
        assert_eq!(host_and_port("::1"), "::1:9092");
    }
}
