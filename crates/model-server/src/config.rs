//! The settings: flags and environment variables.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use model_store::StoreAddress;
use pipeline_folder::Folder;
use service_runtime::server::TlsArgs;
use service_runtime::{Secret, Token, UsageError};

use crate::training::{RefineArgs, TrainingRule};

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);
const STORE: &str = "sqlite:catchweight.sqlite";
const TRAIN_ROWS: u32 = 50;
const MOST_TRAIN_ROWS: u32 = 5_000;
const KEEP_PER_GROUP: u32 = 10;
const KEEP_VERSIONS: u64 = 1_000;
const LIVE_COPY: &str = "catchweight-live-model.json";
const ROW_WAIT_MS: u64 = 5_000;
const STORE_POLL: Duration = Duration::from_millis(500);
/// A request times out after ten seconds, so that two seconds are left to train and respond.
const MAX_ROW_WAIT_MS: u64 = 8_000;

/// The settings of a model server.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// The pipeline. Not a flag: the program sets it from `--pipeline`.
    #[arg(skip = Folder::shipped())]
    pub folder: Folder,

    /// Address for the API, health and metrics
    #[arg(long, env = "LISTEN", default_value_t = LISTEN, global = true)]
    pub listen: SocketAddr,

    /// The certificate.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// Store for training data and models: sqlite:PATH,
    /// mongodb://USER:PASSWORD@HOST/AUTHENTICATION-DATABASE, or @FILE with one of them in a file
    #[arg(long, env = "MODEL_STORE", default_value = STORE, hide_env_values = true)]
    pub store: StoreAddress,

    /// Bearer token required by POST /train and activation; empty: no token required
    #[arg(long, env = "TRAIN_TOKEN", default_value = "", hide_env_values = true)]
    pub train_token: Secret,

    /// File that contains the token, instead of --train-token; a replaced file is taken up without a restart
    #[arg(long, env = "TRAIN_TOKEN_FILE", value_name = "FILE")]
    pub train_token_file: Option<PathBuf>,

    /// File with the bearer token required by everything but health; the train token is accepted too. A
    /// replaced file is taken up without a restart [default: no token required]
    #[arg(long, env = "READ_TOKEN_FILE", value_name = "FILE")]
    pub read_token_file: Option<PathBuf>,

    /// Number of newest rows to train on; more if the model has too many columns for them
    #[arg(long, env = "TRAIN_ROWS", default_value_t = TRAIN_ROWS, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub train_rows: u32,

    /// Maximum number of rows of a training; levels with the fewest rows are left out of the model if these
    /// are too few for its columns
    #[arg(long, env = "MOST_TRAIN_ROWS", default_value_t = MOST_TRAIN_ROWS, value_parser = clap::value_parser!(u32).range(10..=50_000))]
    pub most_train_rows: u32,

    /// Train also on older rows of each group that the live model knows, up to this many rows per
    /// group; 0: none
    #[arg(long, env = "KEEP_PER_GROUP", default_value_t = KEEP_PER_GROUP, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub keep_per_group: u32,

    /// When to train again.
    #[command(flatten)]
    pub refine: RefineArgs,

    /// Number of versions to keep; deletes the oldest beyond it, except those live within a day
    #[arg(long, env = "KEEP_VERSIONS", default_value_t = KEEP_VERSIONS, value_parser = clap::value_parser!(u64).range(1..))]
    pub keep_versions: u64,

    /// With MongoDB: local copy of the live model, used if MongoDB is down at start-up
    #[arg(long, env = "LIVE_COPY", default_value = LIVE_COPY, value_name = "FILE.json")]
    pub live_copy: PathBuf,

    /// How long a training waits for the last row of its trigger, in milliseconds
    #[arg(long, env = "ROW_WAIT_MS", default_value_t = ROW_WAIT_MS, value_parser = clap::value_parser!(u64).range(0..=MAX_ROW_WAIT_MS))]
    pub row_wait_ms: u64,

    /// Training rows of the first model: a CSV file with the pipeline's columns [default: the file that
    /// pipeline.toml names]
    #[arg(long, env = "TRAINING_DATA", value_name = "FILE.csv")]
    pub training_data: Option<PathBuf>,

    /// How often to read the decision log. Another replica's decision takes effect within twice this
    /// time. Not a flag: tests shorten it.
    #[arg(skip = STORE_POLL)]
    pub store_poll: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            folder: Folder::shipped(),
            listen: LISTEN,
            tls: TlsArgs::default(),
            store: StoreAddress::Sqlite(PathBuf::from("catchweight.sqlite")),
            train_token: Secret::default(),
            train_token_file: None,
            read_token_file: None,
            train_rows: TRAIN_ROWS,
            most_train_rows: MOST_TRAIN_ROWS,
            keep_per_group: KEEP_PER_GROUP,
            refine: RefineArgs::default(),
            keep_versions: KEEP_VERSIONS,
            live_copy: PathBuf::from(LIVE_COPY),
            row_wait_ms: ROW_WAIT_MS,
            training_data: None,
            store_poll: STORE_POLL,
        }
    }
}

impl Config {
    /// How trainings choose their rows.
    pub fn training_rule(&self) -> TrainingRule {
        TrainingRule {
            newest: self.train_rows,
            most: self.most_train_rows.max(self.train_rows),
            keep_per_group: self.keep_per_group,
            row_wait: Duration::from_millis(self.row_wait_ms),
            keep_versions: self.keep_versions,
        }
    }

    /// The token that training and activation require, if any.
    ///
    /// # Errors
    /// Both a token and a file are given, the file cannot be read or is empty, or the token is blank.
    pub fn token(&self) -> Result<Option<Token>, UsageError> {
        let from_file =
            Token::in_optional_file("--train-token-file", self.train_token_file.as_ref())?;
        match (self.train_token.0.as_str(), from_file) {
            ("", from_file) => Ok(from_file),
            (_, Some(_)) => Err(UsageError(
                "--train-token and --train-token-file are both set: pass one of them".into(),
            )),
            (token, None) => Token::fixed(token).map(Some).ok_or_else(|| {
                UsageError("--train-token is blank: pass a token, or leave it out".into())
            }),
        }
    }

    /// The token that everything but health requires, if any.
    ///
    /// # Errors
    /// The file cannot be read or is empty.
    pub(crate) fn read_token(&self) -> Result<Option<Token>, UsageError> {
        Token::in_optional_file("--read-token-file", self.read_token_file.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_tokens_are_not_printed() {
        let config = Config {
            store: "mongodb://user:s3cret@db.example:27017/admin?x=y@z"
                .parse()
                .unwrap(),
            train_token: Secret("t0ken".into()),
            ..Config::default()
        };
        let shown = format!("{config:?} {}", config.store);
        assert!(
            !shown.contains("s3cret") && !shown.contains("t0ken"),
            "{shown}"
        );
    }

    #[test]
    fn spaces_around_a_token_are_ignored() {
        let with_token = |token: &str| Config {
            train_token: Secret(token.into()),
            ..Config::default()
        };
        let token = with_token(" open sesame\n").token().unwrap();
        assert!(token.is_some_and(|token| token.matches(b"open sesame")));
        assert!(
            with_token("  ").token().is_err(),
            "a blank token must not mean that no token is required"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_token_file_may_have_a_name_that_is_not_utf8() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(std::ffi::OsStr::from_bytes(b"token-\xff"));
        std::fs::write(&file, "t0ken\n").unwrap();
        let config = Config {
            train_token_file: Some(file),
            ..Config::default()
        };
        let token = config.token().unwrap();
        assert!(token.is_some_and(|token| token.matches(b"t0ken")));
    }
}
