//! Typed settings for what matters, and a pass-through for every other librdkafka property.

use std::fmt;
use std::str::FromStr;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

/// How to reach Kafka: shared by every program that speaks to it.
#[derive(Clone, Debug, clap::Args)]
pub struct KafkaSettings {
    /// Kafka's addresses: host:port, several separated by commas
    #[arg(
        long,
        env = "KAFKA_BOOTSTRAP_SERVERS",
        default_value = "127.0.0.1:9092"
    )]
    pub bootstrap_servers: String,

    /// Any librdkafka property, such as security.protocol=SASL_SSL; repeatable
    #[arg(short = 'X', long = "kafka-property", value_name = "KEY=VALUE")]
    pub kafka_properties: Vec<KafkaProperty>,
}

/// One librdkafka property. Its value may be a secret: `Debug` shows only the name.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaProperty {
    /// The property's name as in librdkafka's CONFIGURATION.md.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl fmt::Debug for KafkaProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

/// Why a property is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// Not of the form `KEY=VALUE`.
    #[error("`{0}` is not of the form KEY=VALUE")]
    Form(String),
    /// A property on which the service's guarantees rest.
    #[error("`{name}` is not yours to set: {reason}")]
    Owned {
        /// The property.
        name: String,
        /// Why the service sets it itself.
        reason: &'static str,
    },
    /// A property or a value that librdkafka does not take.
    #[error("`{name}`: {reason}")]
    Refused {
        /// The property.
        name: String,
        /// What librdkafka says of it.
        reason: String,
    },
}

/// Properties that the programs own, and why.
const OWNED: [(&str, &str); 17] = [
    ("bootstrap.servers", ADDRESS),
    ("metadata.broker.list", ADDRESS),
    ("group.id", "the service's own flag names the group"),
    (
        "group.protocol",
        "the service's rebalance handling is that of the classic protocol",
    ),
    ("enable.auto.commit", COMMIT),
    ("auto.commit.enable", COMMIT),
    (
        "enable.auto.offset.store",
        "offsets are stored only for acknowledged results",
    ),
    ("transactional.id", "the services do not use transactions"),
    (
        "enable.idempotence",
        "without it a retry could write a record twice or out of order",
    ),
    ("acks", ACKS),
    ("request.required.acks", ACKS),
    ("message.timeout.ms", TIMEOUT),
    ("delivery.timeout.ms", TIMEOUT),
    (
        "partitioner",
        "the join needs a key in the same partition number of each topic, as Java's clients choose it",
    ),
    (
        "partition.assignment.strategy",
        "the service's rebalance handling is cooperative",
    ),
    ("enable.partition.eof", "the services read without an end"),
    (
        "statistics.interval.ms",
        "readiness and the metrics rest on the client's statistics",
    ),
];

/// What a broker takes by default in one batch (1,048,588 bytes), less what a batch of one record
/// needs around it.
const LARGEST_MESSAGE: &str = "1048400";

const ADDRESS: &str = "use --bootstrap-servers";
const COMMIT: &str = "offsets are committed only for acknowledged results";
const ACKS: &str = "a result counts when all in-sync replicas have it";
const TIMEOUT: &str = "no result is given up, however long the broker is away";

impl FromStr for KafkaProperty {
    type Err = PropertyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text
            .split_once('=')
            .filter(|(name, _)| !name.trim().is_empty())
            .ok_or_else(|| PropertyError::Form(text.to_owned()))?;
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        if let Some((_, reason)) = OWNED.iter().find(|(owned, _)| *owned == name) {
            return Err(PropertyError::Owned { name, reason });
        }
        // Properties are checked where they are given: a client that is made later says so too, but
        // in the middle of a job.
        let mut alone = ClientConfig::new();
        alone.set(&name, &value);
        match alone.create_native_config() {
            Ok(_) => Ok(Self { name, value }),
            Err(KafkaError::ClientConfig(_, reason, ..)) => {
                Err(PropertyError::Refused { name, reason })
            }
            Err(error) => Err(PropertyError::Refused {
                name,
                reason: error.to_string(),
            }),
        }
    }
}

impl KafkaSettings {
    /// Settings for a plain broker without further properties.
    pub fn plain(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            kafka_properties: Vec::new(),
        }
    }

    /// A configuration with the address, then the program's `defaults`, then the user's properties,
    /// which win over defaults.
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

    /// For a producer: idempotent, with the Java clients' partitioner, and no message is given up
    /// while the process lives (`message.timeout.ms=0`).
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

    /// For a consumer that assigns its partitions itself and commits nothing.
    pub fn assigning_consumer(&self, client_id: &str) -> ClientConfig {
        self.client(
            client_id,
            &[
                // librdkafka asks for a group id even where none is joined.
                ("group.id", client_id),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "error"),
                // An embedded broker waits out the whole time on an empty fetch.
                ("fetch.wait.max.ms", "10"),
                ("fetch.queue.backoff.ms", "5"),
                ("queued.max.messages.kbytes", "16384"),
            ],
        )
    }

    /// For a member of the consumer group `group_id`: cooperative rebalances, offsets committed in
    /// the background once they are stored, and stored only by the program.
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
                // With librdkafka's default of 1000 a fast consumer stalls for a second whenever
                // its queue is full; the queue is bounded by bytes in return.
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
    fn a_property_on_which_delivery_rests_is_refused_with_the_reason() {
        for (name, reason) in OWNED {
            let error = format!("{name}=x")
                .parse::<KafkaProperty>()
                .expect_err(name);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn a_property_that_librdkafka_does_not_take_is_refused_by_name() {
        for (given, name) in [
            ("nonsense=1", "nonsense"),
            ("linger.ms=soon", "linger.ms"),
            ("security.protocol=carrier-pigeon", "security.protocol"),
        ] {
            let error = given.parse::<KafkaProperty>().expect_err(given);
            let PropertyError::Refused {
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
    fn any_other_property_reaches_the_client_and_wins_over_a_default() {
        let mut settings = KafkaSettings::plain("127.0.0.1:1");
        settings
            .kafka_properties
            .push("linger.ms=7".parse().expect("a property"));
        settings
            .kafka_properties
            .push("sasl.password=a=b".parse().expect("a property"));
        let config = settings.producer("test");
        assert_eq!(config.get("linger.ms"), Some("7"));
        assert_eq!(config.get("sasl.password"), Some("a=b"));
    }

    #[test]
    fn a_secret_property_does_not_show_in_debug_output() {
        let property: KafkaProperty = "sasl.password=secret".parse().expect("a property");
        assert!(!format!("{property:?}").contains("secret"));
    }
}
