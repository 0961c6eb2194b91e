//! The predictor's settings: flags, environment variables, and what each default is.

use std::net::SocketAddr;
use std::time::Duration;

use kafka_io::KafkaSettings;

use crate::features::Feature;

/// Everything that can be set.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Where health and metrics are served
    #[arg(long, env = "LISTEN", default_value = DEFAULT_LISTEN)]
    pub listen: SocketAddr,

    /// How to reach Kafka.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// The consumer group; instances of one group share the partitions
    #[arg(long, env = "GROUP_ID", default_value = "predictor")]
    pub group_id: String,

    /// The topic that is read; records that cannot be used go to a topic of its name with -dlq
    #[arg(long, env = "INPUT_TOPIC", default_value = "machine-measurement")]
    pub input_topic: String,

    /// The topic that results are written to
    #[arg(long, env = "OUTPUT_TOPIC", default_value = "weight-prediction")]
    pub output_topic: String,

    /// What the model asks for and how and where to ask it.
    #[command(flatten)]
    pub model: ModelConfig,

    /// The field that must equal the record's key; empty: keys are not looked at
    #[arg(long, env = "KEY_FIELD", default_value = "Fish_Id")]
    pub key_field: String,

    /// At most so many records in one request to the model
    #[arg(long, env = "BATCH_RECORDS", default_value_t = 2_000, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    pub batch_records: u16,

    /// While records keep arriving, a batch is gathered for at most this time, in milliseconds; a
    /// record that comes alone does not wait
    #[arg(long, env = "BATCH_TIME", default_value = "5", value_parser = millis, value_name = "MS")]
    pub batch_time: Duration,

    /// How many batches of one partition may be with the model at once
    #[arg(long, env = "BATCHES_IN_FLIGHT", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub batches_in_flight: u8,

    /// How much may be under way in all partitions together, in MiB
    #[arg(long, env = "BUDGET_MIB", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=4_096))]
    pub budget_mib: u16,

    /// How long a rebalance or a shutdown waits for what is under way, in milliseconds
    #[arg(long, env = "DRAIN_TIMEOUT", default_value = "5000", value_parser = millis, value_name = "MS")]
    pub drain_timeout: Duration,
}

/// The model and its API.
#[derive(Clone, Debug, clap::Args)]
pub struct ModelConfig {
    /// The model server; a path ending in /prediction or /predictions may be left out
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

    /// Ask GET /prediction for each record, for a model without POST /predictions
    #[arg(long, env = "PER_RECORD")]
    pub per_record: bool,

    /// How many requests to the model may be under way at once
    #[arg(long = "requests-in-flight", env = "REQUESTS_IN_FLIGHT", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub requests_in_flight: u16,

    /// How long to wait for a connection to the model, in milliseconds
    #[arg(long = "connect-timeout", env = "CONNECT_TIMEOUT", default_value = "2000", value_parser = millis, value_name = "MS")]
    pub connect_timeout: Duration,

    /// How long to wait for the model's answer, in milliseconds
    #[arg(long = "request-timeout", env = "REQUEST_TIMEOUT", default_value = "10000", value_parser = millis, value_name = "MS")]
    pub request_timeout: Duration,
}

const DEFAULT_LISTEN: &str = "127.0.0.1:8001";
const DEFAULT_MODEL_URL: &str = "http://127.0.0.1:8000";
const DEFAULT_FEATURES: [&str; 3] = ["length=Length", "height=Height", "species=Species"];

fn millis(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(millis) if millis > 0 => Ok(Duration::from_millis(millis)),
        _ => Err("a positive whole number of milliseconds is needed".to_owned()),
    }
}

impl Config {
    /// The defaults of the command line, whatever the environment says, for this broker, this
    /// model, and any free port: what a bigger program starts from.
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
    fn the_defaults_in_code_are_those_of_the_command_line() {
        let mut parsed = Cli::try_parse_from(["predictor"]).expect("defaults").config;
        assert_eq!(parsed.listen.to_string(), DEFAULT_LISTEN);
        parsed.listen.set_port(0);
        let built = Config::new(KafkaSettings::plain("127.0.0.1:9092"), DEFAULT_MODEL_URL);
        assert_eq!(format!("{parsed:?}"), format!("{built:?}"));
    }

    #[test]
    fn a_feature_without_a_field_is_refused() {
        let error =
            Cli::try_parse_from(["predictor", "--feature", "length"]).expect_err("no field");
        assert!(error.to_string().contains("PARAMETER=FIELD"), "{error}");
    }
}
