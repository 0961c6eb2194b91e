//! Reading connector files, and running what they define.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use kafka_io::KafkaSettings;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::connector::Connector;
use crate::stats::Stats;
use crate::task::Task;
use crate::{ConfigError, ConnectorSource, DocumentStore};

/// Connectors whose files have been read and checked.
pub struct Connectors {
    connectors: Vec<Connector>,
    stats: Stats,
}

impl Connectors {
    /// Reads the files at `paths`. For a folder, reads the `*.json` files directly in it.
    ///
    /// `resolver` returns the value of `NAME` in `${env:NAME}`; `None` is an error.
    ///
    /// # Errors
    /// The first file that cannot be read, or the first option that is not supported.
    pub fn load<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
        resolver: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut sources = Vec::new();
        for path in paths {
            sources.extend(ConnectorSource::read(path.as_ref())?);
        }
        Self::from_sources(&sources, resolver)
    }

    /// Like [`load`](Self::load), for files that have already been read.
    ///
    /// # Errors
    /// The first option that is not supported.
    pub fn from_sources(
        sources: &[ConnectorSource],
        resolver: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut connectors: Vec<Connector> = Vec::new();
        for source in sources {
            let connector = Connector::new(source, &resolver)?;
            if connectors.iter().any(|other| other.name == connector.name) {
                return Err(ConfigError::Duplicate {
                    origin: source.origin.clone(),
                    connector: connector.name,
                });
            }
            connectors.push(connector);
        }
        let stats = Stats::new(connectors.len());
        Ok(Self { connectors, stats })
    }

    /// The connectors' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.connectors.iter().map(|c| c.name.as_str())
    }

    /// All topics that must exist before [`Connectors::run`]: the input topics and the dead-letter
    /// topics.
    pub fn topics(&self) -> BTreeSet<String> {
        let topics = self.connectors.iter().flat_map(Connector::all_topics);
        topics.cloned().collect()
    }

    /// Counters and readiness. Call this before [`Connectors::run`].
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// Runs every connector until `shutdown`. A record whose delivery is interrupted is delivered again
    /// at the next start.
    ///
    /// # Errors
    /// The first connector that fails stops the others: a topic is missing, records were deleted
    /// before they were read, a record failed that `errors.tolerance` does not cover, or a dead
    /// letter could not be written.
    pub async fn run(
        self,
        kafka: KafkaSettings,
        store: Arc<dyn DocumentStore>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut tasks = JoinSet::new();
        for connector in self.connectors {
            let name = connector.name.clone();
            let task = Task::new(connector, &kafka, Arc::clone(&store), self.stats.clone())
                .with_context(|| format!("connector `{name}` cannot start"))?;
            let shutdown = shutdown.clone();
            tasks.spawn(async move {
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => Ok(()),
                    ended = task.run() => ended,
                }
                .with_context(|| format!("connector `{name}` stopped"))
            });
        }
        while let Some(ended) = tasks.join_next().await {
            // Dropping the set stops the other connectors.
            ended.map_err(|e| anyhow!("the task of a connector panicked: {e}"))??;
        }
        Ok(())
    }
}
