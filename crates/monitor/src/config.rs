//! Flags and environment variables with their defaults.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use kafka_io::KafkaSettings;
use model_store::StoreAddress;
use observer::GroupTopic;
use pipeline_folder::{ConnectorFile, Folder, FolderArgs, SqlArgs};
use service_runtime::client::ModelClientArgs;
use service_runtime::server::TlsArgs;

/// The settings of a monitor.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Address of the page, health and metrics
    #[arg(long, env = "LISTEN", default_value = DEFAULT_LISTEN)]
    pub listen: SocketAddr,

    /// The certificate.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// File with the password of the page: the page then asks for it, and /metrics requires it as a bearer
    /// token. A replaced file is taken up without a restart [default: anyone may read the page]
    #[arg(long, env = "PAGE_TOKEN_FILE", value_name = "FILE")]
    pub page_token_file: Option<PathBuf>,

    /// Kafka client settings.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// URL of the model server
    #[arg(long, env = "MODEL_URL", default_value = DEFAULT_MODEL_URL)]
    pub model_url: String,

    /// Whom to trust, and the model server's token.
    #[command(flatten)]
    pub access: ModelClientArgs,

    /// The store, to show which rows are stored: sqlite:PATH,
    /// mongodb://USER:PASSWORD@HOST/AUTHENTICATION-DATABASE, or @FILE with one of them in a file [default: the store is not read]
    #[arg(long, env = "MODEL_STORE", hide_env_values = true)]
    pub store: Option<StoreAddress>,

    /// The pipeline.
    #[command(flatten)]
    pub folder: FolderArgs,

    /// The SQL with the rule for when a window triggers.
    #[command(flatten)]
    pub sql: SqlArgs,

    /// Another part whose health is shown, and its health URL; repeatable, or separated by commas
    #[arg(
        long = "health",
        env = "HEALTH",
        value_name = "NAME=URL",
        value_delimiter = ','
    )]
    pub health: Vec<PartUrl>,

    /// REST API of the SQL engine, to show whether the pipeline's queries run [default: not shown]
    #[arg(long, env = "KSQL_URL", value_name = "URL", value_parser = url)]
    pub ksql_url: Option<String>,

    /// A consumer group whose lag is shown; repeatable, or separated by commas [default: the predictor's and
    /// those of the pipeline's connectors]
    #[arg(
        long = "lag",
        env = "LAG",
        value_name = "GROUP:TOPIC",
        value_delimiter = ','
    )]
    pub lag: Option<Vec<GroupTopic>>,

    /// How many of the newest records the page covers, at least
    #[arg(long, env = "NEWEST", default_value_t = DEFAULT_NEWEST, value_name = "RECORDS", value_parser = clap::value_parser!(u32).range(100..=20_000))]
    pub newest: u32,

    /// A host name to accept in addition to IP addresses and localhost, such as the name of a reverse
    /// proxy; repeatable, or separated by commas
    #[arg(
        long = "allowed-host",
        env = "ALLOWED_HOST",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub allowed_host: Vec<String>,

    /// How many pages may be open at the same time
    #[arg(long, env = "VIEWERS", default_value_t = DEFAULT_VIEWERS, value_name = "PAGES", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub viewers: u16,
}

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
const DEFAULT_MODEL_URL: &str = "http://127.0.0.1:8000";
const DEFAULT_NEWEST: u32 = 500;
const DEFAULT_VIEWERS: u16 = 256;

impl Config {
    /// The defaults of the command line, ignoring the environment, on a free port and without consumer
    /// groups. For programs that embed a monitor.
    pub fn new(kafka: KafkaSettings, model_url: impl Into<String>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: TlsArgs::default(),
            page_token_file: None,
            kafka,
            model_url: model_url.into(),
            access: ModelClientArgs::default(),
            store: None,
            folder: FolderArgs::default(),
            sql: SqlArgs::default(),
            health: Vec::new(),
            ksql_url: None,
            lag: Some(Vec::new()),
            newest: DEFAULT_NEWEST,
            allowed_host: Vec::new(),
            viewers: DEFAULT_VIEWERS,
        }
    }

    /// The consumer groups whose lag is shown.
    pub(crate) fn groups(&self, folder: &Folder) -> Vec<GroupTopic> {
        if let Some(lag) = &self.lag {
            return lag.clone();
        }
        let predictor = GroupTopic {
            group: "predictor".to_owned(),
            topic: folder.definition.topics.measured.clone(),
        };
        let connectors = folder.connectors(None).unwrap_or_else(|error| {
            tracing::warn!(%error, "the lag of the connectors is not shown");
            Vec::new()
        });
        let connectors = connectors.iter().filter_map(group_of);
        std::iter::once(predictor).chain(connectors).collect()
    }
}

/// The consumer group of a connector, which Connect names after it.
fn group_of(connector: &ConnectorFile) -> Option<GroupTopic> {
    let connector: serde_json::Value = serde_json::from_str(&connector.text).ok()?;
    Some(GroupTopic {
        group: format!("connect-{}", connector.get("name")?.as_str()?),
        topic: connector.get("config")?.get("topics")?.as_str()?.to_owned(),
    })
}

fn url(text: &str) -> Result<String, String> {
    match reqwest::Url::parse(text) {
        Ok(url) if url.has_host() => Ok(text.to_owned()),
        _ => Err("expected a URL such as http://localhost:8088".to_owned()),
    }
}

/// A part of the pipeline and the URL that answers 200 while it is healthy, written as `NAME=URL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartUrl {
    /// Its name on the page.
    pub name: String,
    /// Its health URL.
    pub url: String,
}

/// The text is not a [`PartUrl`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}`: expected NAME=http://HOST:PORT/PATH")]
pub struct PartUrlError(String);

impl FromStr for PartUrl {
    type Err = PartUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, url) = text
            .split_once('=')
            .filter(|(name, url)| !name.is_empty() && reqwest::Url::parse(url).is_ok())
            .ok_or_else(|| PartUrlError(text.to_owned()))?;
        Ok(Self {
            name: name.to_owned(),
            url: url.to_owned(),
        })
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
        let mut parsed = Cli::try_parse_from(["monitor"]).expect("defaults").config;
        assert_eq!(parsed.listen.to_string(), DEFAULT_LISTEN);
        parsed.listen.set_port(0);
        let groups = parsed.groups(&Folder::shipped()).into_iter();
        let groups: Vec<_> = groups
            .map(|of| format!("{}:{}", of.group, of.topic))
            .collect();
        assert_eq!(
            groups,
            [
                "predictor:machine-measurement",
                "connect-WeightData:weight-diff",
                "connect-RetrainTrigger:weight-retrain"
            ]
        );
        parsed.lag = Some(Vec::new());
        let built = Config::new(KafkaSettings::plain("127.0.0.1:9092"), DEFAULT_MODEL_URL);
        assert_eq!(format!("{parsed:?}"), format!("{built:?}"));
    }

    #[test]
    fn a_part_without_a_url_is_rejected() {
        for text in ["predictor", "=http://localhost/", "predictor=localhost"] {
            assert!(text.parse::<PartUrl>().is_err(), "{text}");
        }
    }
}
