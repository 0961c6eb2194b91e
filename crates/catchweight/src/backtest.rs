//! `backtest`: runs the rules of a pipeline over rows that are known already.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::backtest::{BacktestArgs, Sql, SqlOutput, SqlRecord};
use kafka_io::KafkaSettings;
use ksql_engine::catalog::Catalog;
use ksql_engine::engine::{Engine, Input};
use service_runtime::{CancellationToken, UsageError};

use crate::{progress, recorded};

/// Time between two lines that show the progress.
const SHOWN: Duration = Duration::from_secs(2);

/// Settings of `backtest`.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct BacktestCommand {
    /// What to run.
    #[command(flatten)]
    pub backtest: BacktestArgs,

    /// The cluster to read from, if the user names one.
    #[command(flatten)]
    pub kafka: Option<KafkaSettings>,
}

/// Prints the figures, and writes and draws them if the user wants it.
///
/// # Errors
/// A usage error if the pipeline, the rows, an SQL file, the grid or an output file cannot be used; any other error
/// if a query fails or `shutdown` is cancelled.
pub async fn run(command: BacktestCommand, shutdown: CancellationToken) -> anyhow::Result<()> {
    let BacktestCommand {
        backtest: mut args,
        kafka,
    } = command;
    for (flag, file) in [("--json", &args.json), ("--plot", &args.plot)] {
        if let Some(file) = file {
            check_writable(flag, file)?;
        }
    }
    if let Some(kafka) = kafka {
        if args.file.is_some() || args.simulate.is_some() {
            let text =
                "--bootstrap-servers, a file and --simulate exclude each other: name one of them";
            return Err(UsageError(text.to_owned()).into());
        }
        let definition = args.folder.open()?.definition;
        let (read, unusable) = recorded::read(&kafka, definition, &shutdown).await?;
        if unusable > 0 {
            let have = match unusable {
                1 => "record has",
                _ => "records have",
            };
            progress::say(&format!(
                "{unusable} {have} no key, time or value of the pipeline's form: skipped"
            ));
        }
        args.recorded = Some(Arc::new(read));
    }
    // It computes without a pause.
    tokio::task::spawn_blocking(move || run_here(&args, &shutdown)).await?
}

fn run_here(args: &BacktestArgs, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let mut shown = Instant::now();
    let is_terminal = std::io::stderr().is_terminal();
    let figures = ::backtest::backtest(args, &start, |records| {
        if is_terminal && shown.elapsed() >= SHOWN {
            shown = Instant::now();
            // A closed standard error is ignored.
            let _ = write!(std::io::stderr(), "\r{records} records");
        }
        !shutdown.is_cancelled()
    })?;
    if is_terminal {
        let _ = write!(std::io::stderr(), "\r{:30}\r", "");
    }
    progress::say(&figures.to_string());
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&figures)?;
        fs::write(file, json + "\n").map_err(unwritable("--json", file))?;
    }
    if let Some(file) = &args.plot {
        let svg = figures.svg()?;
        fs::write(file, svg).map_err(unwritable("--plot", file))?;
    }
    Ok(())
}

/// Checks before a long run that its figures can be written. An earlier file stays until then.
fn check_writable(flag: &str, file: &Path) -> Result<(), UsageError> {
    let mut options = fs::OpenOptions::new();
    let opened = options.append(true).create(true).open(file);
    opened.map(drop).map_err(unwritable(flag, file))
}

fn unwritable(flag: &str, file: &Path) -> impl FnOnce(std::io::Error) -> UsageError {
    move |error| {
        let file = file.display();
        UsageError(format!(
            "{flag} {file}: {error}; name a file that can be written"
        ))
    }
}

/// The embedded SQL engine, driven record by record.
struct InMemory(Engine);

/// Starts a script on the embedded SQL engine.
///
/// # Errors
/// The engine refuses a statement.
pub fn start(text: &str) -> Result<Box<dyn Sql>, String> {
    let mut engine = Engine::new(Catalog::assuming(1));
    engine.execute(text).map_err(|error| error.to_string())?;
    Ok(Box::new(InMemory(engine)))
}

impl Sql for InMemory {
    fn process(
        &mut self,
        topic: &str,
        key: &str,
        value: Vec<u8>,
        timestamp_ms: i64,
    ) -> Result<SqlOutput, String> {
        let processed = self.0.process(Input {
            topic: topic.to_owned(),
            key: Some(key.as_bytes().to_vec()),
            value: Some(value),
            timestamp: timestamp_ms,
            ..Input::default()
        });
        if let Some(failure) = processed.failures.first() {
            return Err(failure.to_string());
        }
        let records = processed.records.into_iter();
        Ok(SqlOutput {
            records: records
                .map(|record| SqlRecord {
                    topic: record.topic,
                    value: record.value,
                })
                .collect(),
            problems: processed.problems.len(),
        })
    }
}
