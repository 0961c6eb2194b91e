//! Whether Kafka answers, asked before a job that is nothing without it: librdkafka alone would try
//! again for ever, and say so to nobody.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use crate::KafkaSettings;

/// How long Kafka may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Kafka does not answer.
#[derive(Debug, thiserror::Error)]
#[error(
    "Kafka at {address} does not answer within {} s: {error}; is it running, and are the address and the properties right?",
    PATIENCE.as_secs()
)]
pub struct Unreachable {
    address: String,
    error: KafkaError,
}

impl KafkaSettings {
    /// Asks Kafka once; blocks for a few seconds where it does not answer.
    ///
    /// # Errors
    /// Where it does not answer; the error names the address.
    pub fn reach(&self) -> Result<(), Unreachable> {
        let asked = || {
            let client: BaseConsumer = self.assigning_consumer("catchweight").create()?;
            client.fetch_metadata(None, PATIENCE)
        };
        asked().map(drop).map_err(|error| Unreachable {
            address: self.bootstrap_servers.clone(),
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;

    #[test]
    fn a_broker_that_is_not_there_is_told_with_its_address() {
        let broker = MockCluster::new(1).expect("a cluster");
        let kafka = KafkaSettings::plain(broker.bootstrap_servers());
        kafka.reach().expect("it answers");
        // Nothing listens on the discard port.
        let error = KafkaSettings::plain("127.0.0.1:9").reach();
        let told = error.expect_err("nobody answers").to_string();
        assert!(
            told.starts_with("Kafka at 127.0.0.1:9 does not answer"),
            "{told}"
        );
    }
}
