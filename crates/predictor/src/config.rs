//! The predictor's settings: flags, environment variables and defaults.

use std::net::SocketAddr;
use std::time::Duration;

use kafka_io::KafkaSettings;

use crate::features::Feature;

/// All settings.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Address of /healthz, /readyz and /metrics
    #[arg(long, env = "LISTEN", default_value = DEFAULT_LISTEN)]
    pub listen: SocketAddr,

    /// How to reach Kafka.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// Consumer group; instances of a group share the partitions
    #[arg(long, env = "GROUP_ID", default_value = "predictor")]
    pub group_id: String,

    /// Input topic; unusable records go to a topic of this name with the suffix -dlq
    #[arg(long, env = "INPUT_TOPIC", default_value = "machine-measurement")]
    pub input_topic: String,

    /// Topic for results
    #[arg(long, env = "OUTPUT_TOPIC", default_value = "weight-prediction")]
    pub output_topic: String,

    /// The model and its API.
    #[command(flatten)]
    pub model: ModelConfig,

    /// Field that must equal the record's key; empty: do not check keys
    #[arg(long, env = "KEY_FIELD", default_value = "Fish_Id")]
    pub key_field: String,

    /// Maximum number of records in one request to the model
    #[arg(long, env = "BATCH_RECORDS", default_value_t = 2_000, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    pub batch_records: u16,

    /// Longest time to gather a batch while records keep arriving, in milliseconds; a single record
    /// does not wait
    #[arg(long, env = "BATCH_TIME", default_value = "5", value_parser = millis, value_name = "MS")]
    pub batch_time: Duration,

    /// Maximum number of batches of one partition with the model at the same time
    #[arg(long, env = "BATCHES_IN_FLIGHT", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub batches_in_flight: u8,

    /// Maximum amount of data in progress in all partitions together, in MiB
    #[arg(long, env = "BUDGET_MIB", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=4_096))]
    pub budget_mib: u16,

    /// Time limit of a shutdown, and of finishing batches in progress in a rebalance, in milliseconds; a
    /// shutdown ends after it even if Kafka does not answer
    #[arg(long, env = "DRAIN_TIMEOUT", default_value = "5000", value_parser = millis, value_name = "MS")]
    pub drain_timeout: Duration,
}

/// The model and its API.
#[derive(Clone, Debug, clap::Args)]
pub struct ModelConfig {
    /// URL of the model server; a final /prediction or /predictions is optional
    #[arg(long = "model-url", env = "MODEL_URL", default_value = DEFAULT_MODEL_URL)]
    pub url: String,

    /// Request parameter = field of the record; repeatable, or separated by commas
    #[arg(
        long = "feature",
        env = "FEATURES",
        value_delimiter = ',',
        value_name = "PARAMETER=FIELD",
        default_values = DEFAULT_FEATURES
    )]
    pub features: Vec<Feature>,

    /// Request GET /prediction for each record, for models without POST /predictions
    #[arg(long, env = "PER_RECORD")]
    pub per_record: bool,

    /// Maximum number of requests to the model at the same time
    #[arg(long = "requests-in-flight", env = "REQUESTS_IN_FLIGHT", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub requests_in_flight: u16,

    /// Timeout for connecting to the model, in milliseconds
    #[arg(long = "connect-timeout", env = "CONNECT_TIMEOUT", default_value = "2000", value_parser = millis, value_name = "MS")]
    pub connect_timeout: Duration,

    /// Timeout for the model's response, in milliseconds
    #[arg(long = "request-timeout", env = "REQUEST_TIMEOUT", default_value = "10000", value_parser = millis, value_name = "MS")]
    pub request_timeout: Duration,
}

const DEFAULT_LISTEN: &str = "127.0.0.1:8001";
const DEFAULT_MODEL_URL: &str = "http://127.0.0.1:8000";
const DEFAULT_FEATURES: [&str; 3] = ["length=Length", "height=Height", "species=Species"];

fn millis(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(millis) if millis > 0 => Ok(Duration::from_millis(millis)),
        _ => Err("expected a positive whole number of milliseconds".to_owned()),
    }
}

impl Config {
    /// The command line's defaults for this broker and model, with any free port. Environment variables
    /// are ignored.
    pub fn new(kafka: KafkaSettings, model_url: impl Into<String>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            kafka,
            group_id: "predictor".to_owned(),
            input_topic: "machine-measurement".to_owned(),
            output_topic: "weight-prediction".to_owned(),
            model: ModelConfig {
                url: model_url.into(),
                features: DEFAULT_FEATURES
                    .iter()
                    .filter_map(|feature| feature.parse().ok())
                    .collect(),
                per_record: false,
                requests_in_flight: 16,
                connect_timeout: Duration::from_secs(2),
                request_timeout: Duration::from_secs(10),
            },
            key_field: "Fish_Id".to_owned(),
            batch_records: 2_000,
            batch_time: Duration::from_millis(5),
            batches_in_flight: 2,
            budget_mib: 16,
            drain_timeout: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn code_and_command_line_have_the_same_defaults() {
        let mut parsed = Cli::try_parse_from(["predictor"]).expect("defaults").config;
        assert_eq!(parsed.listen.to_string(), DEFAULT_LISTEN);
        parsed.listen.set_port(0);
        let built = Config::new(KafkaSettings::plain("127.0.0.1:9092"), DEFAULT_MODEL_URL);
        assert_eq!(format!("{parsed:?}"), format!("{built:?}"));
    }

    #[test]
    fn a_feature_without_a_field_is_rejected() {
        let error =
            Cli::try_parse_from(["predictor", "--feature", "length"]).expect_err("no field");
        assert!(error.to_string().contains("PARAMETER=FIELD"), "{error}");
    }
}
