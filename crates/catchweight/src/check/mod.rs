//! `check`: compares the files of a pipeline's folder with each other and with what runs.

mod kafka;
mod servers;

use std::path::PathBuf;

use kafka_io::{KafkaProperty, KafkaSettings};
use pipeline_folder::check::Problem;
use pipeline_folder::{Folder, FolderArgs};
use service_runtime::{CancellationToken, UsageError};

use crate::progress;

/// Settings of `check`.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct CheckArgs {
    /// The folder [default: the working directory if it has a pipeline.toml, else the shipped fish factory]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// Check the topics too: Kafka brokers as host:port, separated by commas
    #[arg(long)]
    pub bootstrap_servers: Option<String>,

    /// A librdkafka property, such as security.protocol=SASL_SSL; repeatable
    #[arg(
        short = 'X',
        long = "kafka-property",
        value_name = "KEY=VALUE",
        requires = "bootstrap_servers"
    )]
    pub kafka_properties: Vec<KafkaProperty>,

    /// Check the queries too: URL of ksqlDB or of the embedded engine
    #[arg(long, value_name = "URL")]
    pub ksql: Option<String>,

    /// Check the connectors too: URL of the Connect worker's REST API
    #[arg(long, value_name = "URL")]
    pub connect: Option<String>,
}

/// What a part looks like.
#[derive(Debug, Default)]
struct Findings {
    problems: Vec<Problem>,
    /// What was looked at, in words.
    seen: Vec<String>,
}

/// Prints every problem at once.
///
/// # Errors
/// There are problems, or the folder has no definition that can be read (a [`UsageError`]).
pub async fn run(args: CheckArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let folder = match &args.dir {
        Some(dir) => Folder::open(dir)?,
        None => FolderArgs::default().open()?,
    };
    let all = async {
        let mut findings = files(&folder);
        if let Some(servers) = &args.bootstrap_servers {
            let settings = KafkaSettings {
                kafka_properties: args.kafka_properties.clone(),
                ..KafkaSettings::plain(servers)
            };
            kafka::check(&folder, settings, &mut findings).await?;
        }
        if let Some(url) = &args.ksql {
            servers::check_queries(&folder, url, &mut findings).await?;
        }
        if let Some(url) = &args.connect {
            servers::check_connectors(&folder, url, &mut findings).await?;
        }
        anyhow::Ok(findings)
    };
    let findings = tokio::select! {
        findings = all => findings?,
        () = shutdown.cancelled() => anyhow::bail!("interrupted before everything was checked"),
    };
    for problem in &findings.problems {
        progress::say(&problem.to_string());
    }
    match findings.problems.len() {
        0 => {
            progress::say(&format!("no problems: {}", findings.seen.join("; ")));
            Ok(())
        }
        1 => anyhow::bail!("1 problem"),
        problems => anyhow::bail!("{problems} problems"),
    }
}

/// Compares the files with each other.
fn files(folder: &Folder) -> Findings {
    let definition = folder.definition;
    let mut problems = pipeline_folder::check::problems(folder);
    let mut seen = vec![format!(
        "{} columns, formula {}, SQL, connector files and first rows agree",
        definition.columns().len(),
        definition.formula
    )];
    if definition.feed.is_some() {
        match feed::feeder::schedule(folder, None) {
            Ok(schedule) => {
                let delay = schedule.longest_delay();
                problems.extend(too_late(folder, delay, "the longest delay of [feed]"));
                seen.push(format!("{} to send", definition.counted(schedule.count())));
            }
            Err(UsageError(reason)) => problems.push(Problem::new("[feed]", reason)),
        }
    }
    Findings { problems, seen }
}

/// A delay that the SQL does not join.
fn too_late(folder: &Folder, delay: std::time::Duration, what: &str) -> Option<Problem> {
    let sql = folder.sql(None).ok()?;
    let within = sql.trigger_rule().ok()?.within?;
    (delay > within).then(|| {
        let topic = &folder.definition.topics.rows;
        Problem::new(
            sql.origin(),
            format!(
                "{what} is {delay:?}, and the SQL joins WITHIN {within:?}: later values are lost. Make WITHIN longer in the statement that writes the topic `{topic}`"
            ),
        )
    })
}
