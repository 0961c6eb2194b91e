//! The whole pipeline in this process: broker, services, SQL and connectors.

mod broker;
mod documents;
mod ports;
mod stages;

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use connect_embedded::{Connectors, Stats};
use fish_producer::Simulation;
use kafka_io::KafkaSettings;
use ksql_engine::kafka::{MaxTaskIdle, Runtime, RuntimeError, Script};
use ksql_server::{KafkaTopics, KsqlServer, Token};
use model_server::training::RefineArgs;
use model_server::{ModelServer, Secret};
use model_store::{Page, SqliteStore, Store, StoreAddress};
use monitor::{Monitor, PartUrl, Renderer, WatchedPipeline};
use observer::{GroupTopic, ModelApi, Observer, PipelineView, Start, StoredRows, observed_topics};
use pipeline::{Definition, EventTime};
use pipeline_folder::{Folder, FolderArgs};
use predictor::Predictor;
use report::Ledger;
use service_runtime::client::ModelClientArgs;
use service_runtime::{Readiness, Tasks, UsageError};

use crate::pipeline_files::FileArgs;
use crate::progress;
use broker::EmbeddedBroker;
use documents::Documents;
use stages::{Part, Stages};

/// Partitions of each topic.
const PARTITIONS: u32 = 3;
/// The file name of the store in the data folder.
const STORE: &str = "catchweight.sqlite";
/// How long the SQL waits for the next records of a partition at full speed: longer than producers collect
/// records for a batch.
const MAX_TASK_IDLE: Duration = Duration::from_millis(100);
/// The file in the data folder that is locked while a process uses the folder.
const LOCK: &str = "lock";

/// Settings of the pipeline in this process.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct PipelineArgs {
    /// Port of the model API [default: 8000, or a free port if it is taken]
    #[arg(long, env = "PORT")]
    pub port: Option<u16>,

    /// Port of the embedded engine's REST API (ksqlDB's) [default: 8088, or a free port if it is taken]
    #[arg(long, env = "KSQL_PORT")]
    pub ksql_port: Option<u16>,

    /// File with a token that statements to that API need if they change something; send it as a password
    #[arg(long, env = "KSQL_TOKEN_FILE", value_name = "FILE")]
    pub ksql_token_file: Option<PathBuf>,

    /// Port of the live page [default: 8080, or a free port if it is taken]
    #[arg(long, env = "MONITOR_PORT")]
    pub monitor_port: Option<u16>,

    /// Training data of the first model: a CSV file with the columns of the formula [default: the first rows
    /// of the pipeline's folder]
    #[arg(long, env = "TRAINING_DATA", value_name = "FILE.csv")]
    pub training_data: Option<PathBuf>,

    /// When to train again.
    #[command(flatten)]
    pub refine: RefineArgs,

    /// Bearer token required for POST /train and for activations; empty: none
    #[arg(long, env = "TRAIN_TOKEN", default_value = "", hide_env_values = true)]
    pub train_token: Secret,

    /// The pipeline.
    #[command(flatten)]
    pub folder: FolderArgs,

    /// Other files than the folder's.
    #[command(flatten)]
    pub files: FileArgs,
}

impl PipelineArgs {
    /// Checks settings that can be checked before anything starts: the fish, the SQL, and that the SQL
    /// joins a fish that is weighed after the weigh delay.
    pub(crate) fn check(
        &self,
        folder: &Folder,
        fish: &fish_producer::Config,
    ) -> Result<(), UsageError> {
        Simulation::new(fish).map_err(|error| UsageError(error.to_string()))?;
        let rule = self.files.sql(folder)?.trigger_rule()?;
        let joined = rule.check_delay(fish.weigh_delay);
        joined.map_err(|error| UsageError(format!("--weigh-delay {:?}: {error}", fish.weigh_delay)))
    }
}

/// The pipeline in this process. It runs until its task group ends.
pub struct Embedded {
    kafka: KafkaSettings,
    model_url: String,
    predictor_url: String,
    ksql_url: String,
    page_url: String,
    page: Renderer,
    view: PipelineView,
    store: SqliteStore,
    max_task_idle: MaxTaskIdle,
    predictor: Readiness,
    connect: Stats,
    _lock: File,
    // Fields are dropped in this order: the broker last.
    _broker: EmbeddedBroker,
}

impl Embedded {
    /// Starts all parts of the pipeline in `folder` except its producer in `tasks`. The store is a file in
    /// `data_dir`.
    ///
    /// # Errors
    /// A [`UsageError`] for a port, file or folder that cannot be used; any other error if a part does
    /// not start.
    pub async fn start(
        args: &PipelineArgs,
        folder: &Folder,
        data_dir: &Path,
        ledger: Ledger,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Self> {
        let definition = folder.definition;
        let sql = args.files.sql(folder)?;
        let rule = sql.trigger_rule()?;
        let script = Script::parse(sql.text()).map_err(|error| sql.error(error))?;
        ports::free(args.port, "--port")?;
        ports::free(args.ksql_port, "--ksql-port")?;
        ports::free(args.monitor_port, "--monitor-port")?;
        let token = args.ksql_token_file.as_deref();
        let token = token
            .map(|file| Token::read("--ksql-token-file", file))
            .transpose()?;
        let lock = lock(data_dir)?;
        let store = open_store(data_dir, definition)?;

        let server = model_server(args, folder, &store).await?;
        let model_url = format!("http://127.0.0.1:{}", server.port());
        let connectors =
            Connectors::from_sources(&args.files.connectors(folder)?, |name| match name {
                "MODEL_URL" => Some(model_url.clone()),
                "MONGODB_URI" => {
                    Some("mongodb://embedded/?serverSelectionTimeoutMS=600000".to_owned())
                }
                "TRAIN_TOKEN" => Some(args.train_token.0.clone()),
                _ => None,
            })
            .map_err(|error| UsageError(error.to_string()))?;

        let mut names: BTreeSet<String> = observed_topics(definition).into_iter().collect();
        names.extend(connectors.topics());
        names.extend(script.topics().map(str::to_owned));
        let broker = EmbeddedBroker::start(names, PARTITIONS).await?;
        let kafka = broker.settings();

        let predictor = Predictor::bind(predictor::Config::new(
            definition,
            kafka.clone(),
            model_url.clone(),
        ))
        .await?;
        let (readiness, stats) = (predictor.readiness(), connectors.stats());
        let predictor_url = format!("http://127.0.0.1:{}", predictor.port());
        let observer = Observer::start(&kafka, ledger, Start::Beginning, tasks)?;
        let mut stages = Stages::new(tasks);
        stages.spawn(Part::ModelServer, "model server", |stop| server.run(stop));
        stages.spawn(Part::Predictor, "predictor", |stop| predictor.run(stop));
        let max_task_idle = MaxTaskIdle::default();
        let options = ksql_engine::kafka::Options {
            max_task_idle: max_task_idle.clone(),
            create_topic: Some(broker.topic_creator()),
            ..ksql_engine::kafka::Options::default()
        };
        let engine = Runtime::start(kafka.clone(), options).await?;
        engine
            .execute(script.text())
            .await
            .map_err(|error| match error {
                RuntimeError::Statement(error) => sql.error(error).into(),
                error => anyhow::Error::new(error).context("cannot execute the SQL"),
            })?;
        let topics = Arc::new(KafkaTopics::of(&engine)?);
        let api = ports::bound(args.ksql_port, 8088, async |listen| {
            let config = ksql_server::Config {
                listen,
                limits: ksql_server::Limits::default(),
                allowed_hosts: Vec::new(),
                token: token.clone(),
            };
            KsqlServer::bind(config, engine.clone(), kafka.clone(), topics.clone()).await
        })
        .await?;
        let ksql_url = format!("http://127.0.0.1:{}", api.port());
        stages.spawn(Part::SqlApi, "SQL API", |stop| api.run(stop));
        stages.spawn(Part::SqlEngine, "SQL engine", |stop| async move {
            Ok(engine.run(stop).await?)
        });
        let documents = Arc::new(Documents(store.clone()));
        stages.spawn(Part::Connect, "connect", |stop| {
            connectors.run(kafka.clone(), documents, stop)
        });
        let view = PipelineView {
            observer,
            model_api: ModelApi::new(model_url.clone(), &ModelClientArgs::default(), definition)?,
            stored: StoredRows::of(Arc::new(store.clone())),
            rule,
        };
        let part = |name: &str, url: String| PartUrl {
            name: name.to_owned(),
            url,
        };
        let config = monitor::Config {
            lag: Some(vec![GroupTopic {
                group: "predictor".to_owned(),
                topic: definition.topics.measured.clone(),
            }]),
            health: vec![
                part("predictor", format!("{predictor_url}/readyz")),
                part("SQL engine", format!("{ksql_url}/healthcheck")),
            ],
            ksql_url: Some(ksql_url.clone()),
            folder: args.folder.clone(),
            ..monitor::Config::new(kafka.clone(), model_url.clone())
        };
        let page = ports::bound(args.monitor_port, 8080, async |listen| {
            let config = monitor::Config {
                listen,
                ..config.clone()
            };
            Monitor::bind_watching(config, watching(&view, &model_url, &store)).await
        })
        .await?;
        let page_url = format!("http://127.0.0.1:{}/", page.port());
        let renderer = page.renderer();
        stages.spawn(Part::LivePage, "live page", |stop| page.run(stop));
        stages.finish();
        Ok(Self {
            kafka,
            view,
            store,
            max_task_idle,
            model_url,
            predictor_url,
            ksql_url,
            page_url,
            page: renderer,
            predictor: readiness,
            connect: stats,
            _lock: lock,
            _broker: broker,
        })
    }

    /// A handle to wait until all parts are ready.
    pub fn readiness(&self) -> PipelineReadiness {
        PipelineReadiness {
            connect: self.connect.clone(),
            predictor: self.predictor.clone(),
        }
    }

    /// Prints the addresses and the live model.
    ///
    /// # Errors
    /// If the model API does not answer.
    pub async fn print_addresses(&self) -> anyhow::Result<()> {
        progress::say(&format!(
            "live page   {}\n\
             model API   {}{}\n\
             SQL API     {}\n\
             Kafka       {}\n\
             model       {}",
            self.page_url,
            self.model_url,
            example_call(self.view.observer.definition()),
            self.ksql_url,
            self.kafka.bootstrap_servers,
            self.view.model_api.live().await?
        ));
        Ok(())
    }

    /// Moves the start of the fish after the newest row of the store, unless the user set it. A row is
    /// identified by fish and time, and fish ids start at 1 in each process: an earlier start could
    /// overwrite the rows of an earlier run.
    ///
    /// # Errors
    /// If the settings of the fish or the newest row are invalid.
    pub async fn begin_after_stored(&self, fish: &mut fish_producer::Config) -> anyhow::Result<()> {
        let page = Page { skip: 0, limit: 1 };
        let rows = self.store.newest_rows(None, page).await?;
        let newest = rows.first().and_then(|row| row.get("Timestamp")?.as_str());
        let Some(newest) = newest.filter(|_| fish.start_time.is_none()) else {
            return Ok(());
        };
        let newest: EventTime = newest
            .parse()
            .context("invalid Timestamp of the newest row in the store")?;
        if Simulation::new(fish)?.start() <= newest {
            fish.start_time = Some(newest.after(Duration::from_secs(1)));
        }
        Ok(())
    }

    /// Prepares the SQL engine for records that come as fast as possible. The topics' partitions are then far
    /// apart in event time, and the windows would close before all their rows have come.
    pub(crate) fn at_full_speed(&self) {
        self.max_task_idle.set(MAX_TASK_IDLE);
    }

    /// The address of the broker.
    pub fn kafka(&self) -> &KafkaSettings {
        &self.kafka
    }

    /// The URL of the model API.
    pub fn model_url(&self) -> &str {
        &self.model_url
    }

    /// The URL of the predictor's health and metrics endpoints.
    pub fn predictor_url(&self) -> &str {
        &self.predictor_url
    }

    /// The URL of the SQL engine's REST API.
    pub fn ksql_url(&self) -> &str {
        &self.ksql_url
    }

    /// The URL of the live page.
    pub fn page_url(&self) -> &str {
        &self.page_url
    }

    /// Renders the live page once more, so that its viewers see the end of a run.
    pub async fn refresh_page(&self) {
        self.page.refresh().await;
    }

    /// The pipeline, observed from outside.
    pub fn view(&self) -> &PipelineView {
        &self.view
    }
}

/// Whether the parts of the pipeline are ready. Clones share the state.
#[derive(Clone, Debug)]
pub struct PipelineReadiness {
    connect: Stats,
    predictor: Readiness,
}

impl PipelineReadiness {
    /// Waits until all parts are ready.
    pub async fn ready(&self) {
        self.connect.ready().await;
        self.predictor.ready().await;
    }
}

/// The pipeline as the live page observes it.
fn watching(view: &PipelineView, model_url: &str, store: &SqliteStore) -> WatchedPipeline {
    WatchedPipeline {
        observer: view.observer.clone(),
        model_api: view.model_api.clone(),
        model_url: model_url.to_owned(),
        stored: Some(StoredRows::of(Arc::new(store.clone()))),
        rule: view.rule,
    }
}

/// Locks the folder until the file is closed: two pipelines on one store would overwrite each other's
/// rows.
fn lock(data_dir: &Path) -> Result<File, UsageError> {
    let shown = data_dir.display();
    std::fs::create_dir_all(data_dir).map_err(|error| {
        UsageError(format!(
            "--data-dir {shown}: cannot create the folder: {error}"
        ))
    })?;
    let lock = File::create(data_dir.join(LOCK))
        .map_err(|error| UsageError(format!("--data-dir {shown}: {error}")))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(UsageError(format!(
            "--data-dir {shown} is in use by another process; choose another folder"
        ))),
        Err(TryLockError::Error(error)) => Err(UsageError(format!(
            "--data-dir {shown}: cannot lock the folder: {error}"
        ))),
    }
}

/// The address of the store in `data_dir`.
pub fn store_in(data_dir: &Path) -> StoreAddress {
    StoreAddress::Sqlite(data_dir.join(STORE))
}

/// A call of the model API to try; for other pipelines than the fish, its documentation.
fn example_call(definition: &Definition) -> &'static str {
    if definition == Definition::shipped() {
        "/prediction?length=86.37&height=18.74&species=salmon"
    } else {
        "/__docs__/"
    }
}

fn open_store(data_dir: &Path, definition: &'static Definition) -> Result<SqliteStore, UsageError> {
    let shown = data_dir.display();
    SqliteStore::open(data_dir.join(STORE), definition)
        .map_err(|error| UsageError(format!("--data-dir {shown}: {error}")))
}

async fn model_server(
    args: &PipelineArgs,
    folder: &Folder,
    store: &SqliteStore,
) -> anyhow::Result<ModelServer> {
    ports::bound(args.port, 8000, async |listen| {
        let config = model_server::Config {
            folder: folder.clone(),
            listen,
            train_token: args.train_token.clone(),
            training_data: args.training_data.clone(),
            refine: args.refine.clone(),
            ..model_server::Config::default()
        };
        ModelServer::bind_with_store(config, Arc::new(store.clone())).await
    })
    .await
    .context("cannot start the model server")
}
