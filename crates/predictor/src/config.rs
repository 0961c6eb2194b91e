//! The predictor's settings: flags, environment variables and defaults.

use std::net::SocketAddr;
use std::time::Duration;

use kafka_io::KafkaSettings;
use pipeline::Definition;
use service_runtime::client::ModelClientArgs;

use crate::features::Feature;

/// All settings.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// The pipeline: its topics, key and columns, unless flags override them. Not a flag: the program sets
    /// it from `--pipeline`.
    #[arg(skip = Definition::shipped())]
    pub definition: &'static Definition,

    /// Address of /healthz, /readyz and /metrics
    #[arg(long, env = "LISTEN", default_value = DEFAULT_LISTEN)]
    pub listen: SocketAddr,

    /// How to reach Kafka.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// Consumer group; instances of a group share the partitions
    #[arg(long, env = "GROUP_ID", default_value = "predictor")]
    pub group_id: String,

    /// Input topic; unusable records go to a topic of this name with the suffix -dlq [default: the
    /// pipeline's measured topic]
    #[arg(long, env = "INPUT_TOPIC")]
    pub input_topic: Option<String>,

    /// Topic for results [default: the pipeline's predicted topic]
    #[arg(long, env = "OUTPUT_TOPIC")]
    pub output_topic: Option<String>,

    /// The model and its API.
    #[command(flatten)]
    pub model: ModelConfig,

    /// Field that must equal the record's key; empty: do not check keys [default: the pipeline's key]
    #[arg(long, env = "KEY_FIELD")]
    pub key_field: Option<String>,

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
    #[arg(long = "model-url", env = "MODEL_URL", default_value = DEFAULT_MODEL_URL, hide_env_values = true)]
    pub url: String,

    /// Whom to trust, and the token.
    #[command(flatten)]
    pub access: ModelClientArgs,

    /// Request parameter = field of the record; repeatable, or separated by commas [default: the columns
    /// of the pipeline's formula]
    #[arg(
        long = "feature",
        env = "FEATURES",
        value_delimiter = ',',
        value_name = "PARAMETER=FIELD"
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

fn millis(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(millis) if millis > 0 => Ok(Duration::from_millis(millis)),
        _ => Err("expected a positive whole number of milliseconds".to_owned()),
    }
}

impl Config {
    /// The command line's defaults for this pipeline, broker and model, with any free port. Environment
    /// variables are ignored.
    pub fn new(
        definition: &'static Definition,
        kafka: KafkaSettings,
        model_url: impl Into<String>,
    ) -> Self {
        Self {
            definition,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            kafka,
            group_id: "predictor".to_owned(),
            input_topic: None,
            output_topic: None,
            model: ModelConfig {
                url: model_url.into(),
                access: ModelClientArgs::default(),
                features: Vec::new(),
                per_record: false,
                requests_in_flight: 16,
                connect_timeout: Duration::from_secs(2),
                request_timeout: Duration::from_secs(10),
            },
            key_field: None,
            batch_records: 2_000,
            batch_time: Duration::from_millis(5),
            batches_in_flight: 2,
            budget_mib: 16,
            drain_timeout: Duration::from_secs(5),
        }
    }

    /// The topic to read.
    pub(crate) fn input_topic(&self) -> &str {
        let topic = self.input_topic.as_deref();
        topic.unwrap_or(&self.definition.topics.measured)
    }

    /// The topic to write.
    pub(crate) fn output_topic(&self) -> &str {
        let topic = self.output_topic.as_deref();
        topic.unwrap_or(&self.definition.topics.predicted)
    }

    /// The field that must equal the record's key; empty if keys are not checked.
    pub(crate) fn key_field(&self) -> &str {
        self.key_field.as_deref().unwrap_or(&self.definition.key)
    }

    /// The features for the model.
    pub(crate) fn features(&self) -> Vec<Feature> {
        if self.model.features.is_empty() {
            self.definition.inputs().map(Feature::of).collect()
        } else {
            self.model.features.clone()
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
        let kafka = KafkaSettings::plain("127.0.0.1:9092");
        let built = Config::new(Definition::shipped(), kafka, DEFAULT_MODEL_URL);
        assert_eq!(format!("{parsed:?}"), format!("{built:?}"));
    }

    #[test]
    fn topics_key_and_features_are_the_pipelines() {
        let config = Cli::try_parse_from(["predictor"]).expect("defaults").config;
        assert_eq!(config.input_topic(), "machine-measurement");
        assert_eq!(config.output_topic(), "weight-prediction");
        assert_eq!(config.key_field(), "Fish_Id");
        let features = ["length=Length", "height=Height", "species=Species"];
        let features = features.map(|text| text.parse().expect("a feature"));
        assert_eq!(config.features(), features);
    }

    #[test]
    fn flags_override_the_pipeline() {
        let flags = "predictor --input-topic in --output-topic out --feature x=X,y=Y --key-field=";
        let config = Cli::try_parse_from(flags.split(' ')).expect("flags").config;
        assert_eq!((config.input_topic(), config.output_topic()), ("in", "out"));
        assert_eq!(config.key_field(), "");
        let features = ["x=X", "y=Y"].map(|text| text.parse().expect("a feature"));
        assert_eq!(config.features(), features);
    }

    #[test]
    fn the_help_does_not_show_the_models_url() {
        let help = <Cli as clap::CommandFactory>::command();
        let url = help
            .get_arguments()
            .find(|argument| argument.get_id() == "url");
        assert!(url.expect("--model-url").is_hide_env_values_set());
    }

    #[test]
    fn a_feature_without_a_field_is_rejected() {
        let error =
            Cli::try_parse_from(["predictor", "--feature", "length"]).expect_err("no field");
        assert!(error.to_string().contains("PARAMETER=FIELD"), "{error}");
    }
}
