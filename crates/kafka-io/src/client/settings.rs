//! Settings of Kafka clients: the address, and any librdkafka property.

use std::fmt;
use std::str::FromStr;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

/// How to reach Kafka; the same flags in every program.
#[derive(Clone, Debug, clap::Args)]
pub struct KafkaSettings {
    /// Kafka brokers as host:port, separated by commas
    #[arg(
        long,
        env = "KAFKA_BOOTSTRAP_SERVERS",
        default_value = "127.0.0.1:9092"
    )]
    pub bootstrap_servers: String,

    /// A librdkafka property, such as security.protocol=SASL_SSL; repeatable
    #[arg(short = 'X', long = "kafka-property", value_name = "KEY=VALUE")]
    pub kafka_properties: Vec<KafkaProperty>,
}

/// One librdkafka property. Its value may be a secret, so `Debug` shows only the name.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaProperty {
    /// The name, as in librdkafka's CONFIGURATION.md.
    pub name: String,
    /// The value.
    pub value: String,
}

impl fmt::Debug for KafkaProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

/// Why a property is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// Not of the form `KEY=VALUE`.
    #[error("invalid Kafka property `{0}`: expected KEY=VALUE")]
    Malformed(String),
    /// The delivery guarantees depend on this property.
    #[error("`{name}` cannot be overridden: {reason}")]
    Reserved {
        /// The property.
        name: String,
        /// Why the program sets it itself.
        reason: &'static str,
    },
    /// librdkafka does not know the property or rejects its value.
    #[error("invalid Kafka property `{name}`: {reason}")]
    Invalid {
        /// The property.
        name: String,
        /// librdkafka's message.
        reason: String,
    },
}

/// Properties that users cannot set, and why.
const RESERVED: [(&str, &str); 17] = [
    ("bootstrap.servers", ADDRESS),
    ("metadata.broker.list", ADDRESS),
    ("group.id", "the program sets the group"),
    ("group.protocol", "rebalances need the classic protocol"),
    ("enable.auto.commit", COMMIT),
    ("auto.commit.enable", COMMIT),
    (
        "enable.auto.offset.store",
        "offsets are stored only for acknowledged results",
    ),
    ("transactional.id", "the services do not use transactions"),
    (
        "enable.idempotence",
        "without it a retry could repeat or reorder records",
    ),
    ("acks", ACKS),
    ("request.required.acks", ACKS),
    ("message.timeout.ms", TIMEOUT),
    ("delivery.timeout.ms", TIMEOUT),
    (
        "partitioner",
        "the join needs equal keys in the same partition of each topic, as Java's clients choose it",
    ),
    (
        "partition.assignment.strategy",
        "rebalances need the cooperative strategy",
    ),
    (
        "enable.partition.eof",
        "the program decides where reading ends",
    ),
    (
        "statistics.interval.ms",
        "readiness and metrics depend on the client's statistics",
    ),
];

/// A broker's default limit of a batch (1,048,588 bytes) less the overhead of a batch of one record.
const LARGEST_MESSAGE: &str = "1048400";

const ADDRESS: &str = "use --bootstrap-servers";
const COMMIT: &str = "offsets are committed only for acknowledged results";
const ACKS: &str = "a result counts only when all in-sync replicas have it";
const TIMEOUT: &str = "results are retried until the broker accepts them";

impl FromStr for KafkaProperty {
    type Err = PropertyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text
            .split_once('=')
            .filter(|(name, _)| !name.trim().is_empty())
            .ok_or_else(|| PropertyError::Malformed(text.to_owned()))?;
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        if let Some((_, reason)) = RESERVED.iter().find(|(reserved, _)| *reserved == name) {
            return Err(PropertyError::Reserved { name, reason });
        }
        // Checked here, on the command line: the client that uses it may be made much later.
        let mut alone = ClientConfig::new();
        alone.set(&name, &value);
        match alone.create_native_config() {
            Ok(_) => Ok(Self { name, value }),
            Err(KafkaError::ClientConfig(_, reason, ..)) => {
                Err(PropertyError::Invalid { name, reason })
            }
            Err(error) => Err(PropertyError::Invalid {
                name,
                reason: error.to_string(),
            }),
        }
    }
}

impl KafkaSettings {
    /// Settings without additional properties.
    pub fn plain(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            kafka_properties: Vec::new(),
        }
    }

    /// The address, the program's `defaults`, and the user's properties, which override defaults.
    fn client(&self, client_id: &str, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", client_id);
        for (name, value) in defaults {
            config.set(*name, *value);
        }
        for property in &self.kafka_properties {
            config.set(&property.name, &property.value);
        }
        config
    }

    /// For a producer: idempotent, with the partitioner of Java's clients. It retries for as long as the
    /// process lives (`message.timeout.ms=0`).
    pub fn producer(&self, client_id: &str) -> ClientConfig {
        self.client(
            client_id,
            &[
                ("enable.idempotence", "true"),
                ("partitioner", "murmur2_random"),
                ("compression.type", "lz4"),
                ("linger.ms", "1"),
                ("message.timeout.ms", "0"),
                ("message.max.bytes", LARGEST_MESSAGE),
            ],
        )
    }

    /// For a consumer that assigns its partitions itself and commits no offsets.
    pub fn assigning_consumer(&self, client_id: &str) -> ClientConfig {
        self.client(
            client_id,
            &[
                // librdkafka needs a group id even if it joins no group.
                ("group.id", client_id),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "error"),
                // The embedded broker waits this long on each empty fetch.
                ("fetch.wait.max.ms", "10"),
                ("fetch.queue.backoff.ms", "5"),
                ("queued.max.messages.kbytes", "16384"),
            ],
        )
    }

    /// For a member of the consumer group `group_id`: rebalances are cooperative, the program stores
    /// offsets, and the client commits stored offsets in the background.
    pub fn group_consumer(&self, client_id: &str, group_id: &str) -> ClientConfig {
        self.client(
            client_id,
            &[
                ("group.id", group_id),
                ("enable.auto.commit", "true"),
                ("auto.commit.interval.ms", "500"),
                ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "earliest"),
                ("partition.assignment.strategy", "cooperative-sticky"),
                ("fetch.wait.max.ms", "10"),
                // With the default of 1000 a fast consumer stalls for a second whenever its queue is
                // full. The limit in bytes still bounds the queue.
                ("fetch.queue.backoff.ms", "5"),
                ("queued.max.messages.kbytes", "4096"),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_properties_are_rejected_with_the_reason() {
        for (name, reason) in RESERVED {
            let error = format!("{name}=x")
                .parse::<KafkaProperty>()
                .expect_err(name);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn properties_that_librdkafka_rejects_are_named() {
        for (given, name) in [
            ("nonsense=1", "nonsense"),
            ("linger.ms=soon", "linger.ms"),
            ("security.protocol=carrier-pigeon", "security.protocol"),
        ] {
            let error = given.parse::<KafkaProperty>().expect_err(given);
            let PropertyError::Invalid {
                name: named,
                reason,
            } = &error
            else {
                panic!("{error:?}");
            };
            assert_eq!(named, name);
            assert!(!reason.is_empty());
        }
    }

    #[test]
    fn other_properties_override_defaults() {
        let mut settings = KafkaSettings::plain("127.0.0.1:1");
        for property in ["linger.ms=7", "sasl.password=a=b"] {
            let property = property.parse().expect("a property");
            settings.kafka_properties.push(property);
        }
        let config = settings.producer("test");
        assert_eq!(config.get("linger.ms"), Some("7"));
        assert_eq!(config.get("sasl.password"), Some("a=b"));
    }

    #[test]
    fn debug_output_hides_values() {
        let property: KafkaProperty = "sasl.password=secret".parse().expect("a property");
        assert!(!format!("{property:?}").contains("secret"));
    }
}
