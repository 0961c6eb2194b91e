//! Settings of Kafka clients: the address, and any librdkafka property.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
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

    /// A librdkafka property, such as security.protocol=SASL_SSL; repeatable. KEY=@FILE reads the value
    /// from a file, so that a password is not visible in the list of processes
    #[arg(short = 'X', long = "kafka-property", value_name = "KEY=VALUE", value_parser = PropertyParser)]
    pub kafka_properties: Vec<KafkaProperty>,

    /// A file of librdkafka properties, one KEY=VALUE per line; lines that start with # are comments.
    /// --kafka-property overrides it
    #[arg(long, env = "KAFKA_PROPERTIES_FILE", value_name = "FILE", value_parser = properties_in)]
    pub kafka_properties_file: Option<PropertiesFile>,

    /// Properties of a broker's kind, for consumers; the user's properties override them.
    #[arg(skip)]
    pub consumer_properties: Vec<(&'static str, &'static str)>,

    /// The same for producers.
    #[arg(skip)]
    pub producer_properties: Vec<(&'static str, &'static str)>,
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

/// The properties in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertiesFile(Vec<KafkaProperty>);

/// Why a property is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// Not of the form `KEY=VALUE`. The text may be a secret, so the message does not contain it.
    #[error("a Kafka property has no `=`: expected KEY=VALUE or KEY=@FILE")]
    Malformed,
    /// The file with the value cannot be read.
    #[error("Kafka property `{name}`: {file} cannot be read: {reason}")]
    Unreadable {
        /// The property.
        name: String,
        /// The path of the file.
        file: String,
        /// The operating system's message.
        reason: String,
    },
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

    /// Parses `KEY=VALUE`, or `KEY=@FILE` with the value in a file. Line ends at the end of the file are not
    /// part of the value.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text
            .split_once('=')
            .filter(|(name, _)| !name.trim().is_empty())
            .ok_or(PropertyError::Malformed)?;
        let (name, value) = (name.trim().to_owned(), value.trim());
        let value = match value.strip_prefix('@') {
            None => value.to_owned(),
            Some(file) => match std::fs::read_to_string(file) {
                Ok(content) => content.trim_end_matches(['\r', '\n']).to_owned(),
                Err(error) => {
                    return Err(PropertyError::Unreadable {
                        name,
                        file: file.to_owned(),
                        reason: error.to_string(),
                    });
                }
            },
        };
        if let Some((_, reason)) = RESERVED.iter().find(|(reserved, _)| *reserved == name) {
            return Err(PropertyError::Reserved { name, reason });
        }
        // Checked here, on the command line: the client that uses it may be made much later.
        let mut alone = ClientConfig::new();
        alone.set(&name, &value);
        match alone.create_native_config() {
            Ok(_) => Ok(Self { name, value }),
            Err(KafkaError::ClientConfig(_, reason, ..)) => Err(invalid(name, &reason, &value)),
            Err(error) => Err(invalid(name, &error.to_string(), &value)),
        }
    }
}

/// librdkafka's reason without the value, which may be a secret.
fn invalid(name: String, reason: &str, value: &str) -> PropertyError {
    let reason = match value {
        "" => reason.to_owned(),
        value => reason.replace(value, "…"),
    };
    PropertyError::Invalid { name, reason }
}

/// Reads a file of properties. An empty path is no file, because compose files set an unset variable to the
/// empty string.
fn properties_in(path: &str) -> Result<PropertiesFile, String> {
    if path.is_empty() {
        return Ok(PropertiesFile::default());
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            line.parse()
                .map_err(|error| format!("line {}: {error}", index + 1))
        })
        .collect::<Result<_, _>>()
        .map(PropertiesFile)
}

/// Parses a property. clap's own message would print the value.
#[derive(Clone)]
struct PropertyParser;

impl TypedValueParser for PropertyParser {
    type Value = KafkaProperty;

    fn parse_ref(
        &self,
        _: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let text = value.to_str().ok_or(PropertyError::Malformed);
        text.and_then(str::parse)
            .map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, format!("{error}\n")))
    }
}

impl KafkaSettings {
    /// Settings without additional properties.
    pub fn plain(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            kafka_properties: Vec::new(),
            kafka_properties_file: None,
            consumer_properties: Vec::new(),
            producer_properties: Vec::new(),
        }
    }

    /// The value of a property that the user gave; flags override the file.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        let file = self.kafka_properties_file.iter().flat_map(|file| &file.0);
        let mut given = file.chain(&self.kafka_properties);
        let last = given.rfind(|property| property.name == name)?;
        Some(&last.value)
    }

    /// The address, the program's `defaults`, those of the broker, and the user's properties. Later ones
    /// override earlier ones.
    fn client(
        &self,
        client_id: &str,
        defaults: &[(&str, &str)],
        of_broker: &[(&str, &str)],
    ) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            // The log has the reasons of closed connections; `client::log` decides what is shown.
            .set_log_level(RDKafkaLogLevel::Info)
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", client_id);
        for (name, value) in defaults.iter().chain(of_broker) {
            config.set(*name, *value);
        }
        let file = self.kafka_properties_file.iter().flat_map(|file| &file.0);
        for property in file.chain(&self.kafka_properties) {
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
            &self.producer_properties,
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
                // With the default of 1000 a fast consumer stalls for a second whenever its queue is
                // full. The limit in bytes still bounds the queue.
                ("fetch.queue.backoff.ms", "5"),
                ("queued.max.messages.kbytes", "4096"),
            ],
            &self.consumer_properties,
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
                ("fetch.queue.backoff.ms", "5"),
                ("queued.max.messages.kbytes", "4096"),
            ],
            &self.consumer_properties,
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

    #[derive(Debug, clap::Parser)]
    struct Cli {
        #[command(flatten)]
        kafka: KafkaSettings,
    }

    #[test]
    fn a_rejected_property_is_named_without_its_value() {
        use clap::Parser as _;
        for argument in [
            "sasl.pasword=hunter2",
            "linger.ms=hunter2",
            "hunter2",
            "=hunter2",
            "group.id=hunter2",
        ] {
            let error = Cli::try_parse_from(["x", "-X", argument]).expect_err(argument);
            let text = error.to_string();
            assert!(!text.contains("hunter2"), "{text}");
            assert_eq!(error.exit_code(), 2);
        }
        let error = Cli::try_parse_from(["x", "-X", "sasl.pasword=hunter2"]).expect_err("a typo");
        assert!(error.to_string().contains("`sasl.pasword`"), "{error}");
    }

    #[test]
    fn a_value_may_be_in_a_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("password");
        std::fs::write(&file, "a b=c\r\n").expect("a file");
        let given = format!("sasl.password=@{}", file.display());
        let property: KafkaProperty = given.parse().expect("a property");
        assert_eq!(property.value, "a b=c");
        let error = "sasl.password=@no/such/file"
            .parse::<KafkaProperty>()
            .expect_err("no file")
            .to_string();
        assert!(
            error.contains("`sasl.password`: no/such/file cannot be read"),
            "{error}"
        );
    }

    #[test]
    fn a_file_of_properties_is_overridden_by_flags() {
        use clap::Parser as _;
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("kafka.properties");
        let file = file.to_str().expect("a path");
        let arguments = ["x", "--kafka-properties-file", file, "-X", "linger.ms=7"];
        std::fs::write(file, "# a comment\n\nlinger.ms=3\n sasl.password = x\n").expect("a file");
        let config = Cli::try_parse_from(arguments)
            .expect("arguments")
            .kafka
            .producer("test");
        assert_eq!(config.get("linger.ms"), Some("7"));
        assert_eq!(config.get("sasl.password"), Some("x"));

        std::fs::write(file, "\nsasl.pasword=hunter2\n").expect("a file");
        let error = Cli::try_parse_from(arguments)
            .expect_err("a typo")
            .to_string();
        assert!(
            error.contains("line 2: ") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn only_a_broker_of_its_kind_changes_how_clients_fetch() {
        let mut settings = KafkaSettings::plain("127.0.0.1:1");
        let fetch_wait = |settings: &KafkaSettings| {
            let consumers = [
                settings.group_consumer("test", "group"),
                settings.assigning_consumer("test"),
            ];
            consumers.map(|config| config.get("fetch.wait.max.ms").map(str::to_owned))
        };
        assert_eq!(fetch_wait(&settings), [None, None], "librdkafka's default");
        settings.consumer_properties = vec![("fetch.wait.max.ms", "25")];
        settings.producer_properties = vec![("linger.ms", "25")];
        let embedded = Some("25".to_owned());
        assert_eq!(fetch_wait(&settings), [embedded.clone(), embedded]);
        let producer = settings.producer("test");
        assert_eq!(producer.get("linger.ms"), Some("25"));
        assert_eq!(producer.get("fetch.wait.max.ms"), None);
    }

    #[test]
    fn debug_output_hides_values() {
        let property: KafkaProperty = "sasl.password=secret".parse().expect("a property");
        assert!(!format!("{property:?}").contains("secret"));
    }
}
