//! Sends the rows of a CSV file through a pipeline.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kafka_io::{EofContext, KafkaSettings, partition_count};
use pipeline::{EventTime, Topics};
use pipeline_folder::{Folder, FolderArgs};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use service_runtime::{CancellationToken, Readiness, UsageError};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock;
use crate::deliveries::Deliveries;
use crate::limit::Limit;
use crate::pacing::Pacing;
use crate::player::Player;
use crate::progress::Progress;
use crate::rows::FeedRows;
use crate::schedule::Schedule;

/// Settings of `feed`.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct FeedArgs {
    /// The CSV file [default: the file of `[feed]` in pipeline.toml, without the rows of the first model]
    #[arg(value_name = "ROWS.csv")]
    pub file: Option<PathBuf>,

    /// The pipeline.
    #[command(flatten)]
    pub folder: FolderArgs,

    /// How to reach Kafka.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// How fast.
    #[command(flatten)]
    pub pace: PaceArgs,

    /// How many actual values may wait for the SQL to join them: the feed pauses while there are more, so that a slow
    /// machine gives the same windows as a fast one [default: any number]
    #[arg(long, env = "MAX_UNJOINED", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_unjoined: Option<u64>,
}

/// How fast rows are sent, and from which event time on.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[group(skip)]
pub struct PaceArgs {
    /// Seconds of event time per second of the wall clock, or max
    #[arg(long, env = "SPEED", default_value = "max", value_parser = speed)]
    pub speed: f64,

    /// Event time of the first row, such as 2021-06-09T13:39:20Z, if the file has no times [default: so
    /// that the last row is about now]
    #[arg(long, value_parser = start_time)]
    pub start_time: Option<EventTime>,
}

/// Seconds of event time per second of the wall clock; infinity for `max`.
fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        _ if text == "max" => Ok(f64::INFINITY),
        Ok(speed) if (1e-3..=1e9).contains(&speed) => Ok(speed),
        _ => Err("expected max, or a number between 0.001 and 1000000000".to_owned()),
    }
}

fn start_time(text: &str) -> Result<EventTime, String> {
    crate::times::parse(text, None)
        .filter(|time| time.as_millis() >= 0)
        .ok_or_else(|| "expected a time from 1970 on, such as 2021-06-09T13:39:20Z".to_owned())
}

/// Sends the rows of a file.
pub struct Feeder {
    schedule: Schedule,
    pace: PaceArgs,
    topics: &'static Topics,
    consumer: Arc<BaseConsumer<EofContext>>,
    kafka: KafkaSettings,
    deliveries: Deliveries,
    progress: Progress,
    readiness: Readiness,
    limit: watch::Receiver<Limit>,
}

impl fmt::Debug for Feeder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeder")
            .field("schedule", &self.schedule)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

impl Feeder {
    /// Reads the file once. It does not connect to Kafka.
    ///
    /// # Errors
    /// A [`UsageError`] if there is no file, the file cannot be used, or a Kafka property is invalid.
    pub fn bind(
        folder: &Folder,
        file: Option<&Path>,
        pace: PaceArgs,
        kafka: &KafkaSettings,
    ) -> anyhow::Result<Self> {
        let schedule = schedule(folder, file)?;
        let progress = Progress::default();
        let property = |error: KafkaError| UsageError(format!("invalid Kafka properties: {error}"));
        let consumer = kafka.eof_consumer("feed", &[]).map_err(property)?;
        Ok(Self {
            topics: &folder.definition.topics,
            schedule,
            pace,
            consumer: Arc::new(consumer),
            kafka: kafka.clone(),
            deliveries: Deliveries::new(kafka, "feed", progress.clone()).map_err(property)?,
            progress,
            readiness: Readiness::not_yet("not connected to Kafka yet"),
            limit: watch::channel(Limit::NONE).1,
        })
    }

    /// Makes it wait at a limit, whatever the speed.
    #[must_use]
    pub fn limited_by(self, limit: watch::Receiver<Limit>) -> Self {
        Self { limit, ..self }
    }

    /// Sends at another speed.
    #[must_use]
    pub fn at_speed(mut self, speed: f64) -> Self {
        self.pace.speed = speed;
        self
    }

    /// When the first row is measured: from now on fixed, if it depends on the clock.
    pub fn begin(&mut self) -> EventTime {
        let PaceArgs { speed, start_time } = self.pace;
        let start = self.schedule.file_start().or(start_time);
        let span = self.schedule.span();
        let start = start.unwrap_or_else(|| clock::start(EventTime::now(), span, speed));
        self.pace.start_time = Some(start);
        start
    }

    /// The rows and their times.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The progress, shared with the run.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Waits for Kafka, then sends until the rows end or `shutdown` is cancelled, and waits for the
    /// acknowledgements.
    ///
    /// # Errors
    /// The two topics do not exist or have different numbers of partitions (a [`UsageError`]); the file
    /// cannot be read again; a record is not acknowledged.
    pub async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        if !self.topics_are_ready(&shutdown).await? {
            return Ok(());
        }
        let (start, speed) = (self.begin(), self.pace.speed);
        let rows = self.schedule.count();
        tracing::info!(rows, %start, speed, "sending the rows");
        let player = Player {
            deliveries: self.deliveries,
            readiness: self.readiness,
            shutdown,
            limit: self.limit,
        };
        let pacing = Pacing::new(Instant::now(), start, speed);
        player.run(self.schedule.records(start)?, pacing).await
    }

    /// Waits until Kafka answers. False after a shutdown.
    async fn topics_are_ready(&self, shutdown: &CancellationToken) -> anyhow::Result<bool> {
        loop {
            let (consumer, topics) = (Arc::clone(&self.consumer), self.topics);
            let read = tokio::task::spawn_blocking(move || {
                let count = |topic| partition_count(&*consumer, topic, METADATA_TIMEOUT);
                let both = count(&topics.measured).and_then(|n| Ok((n, count(&topics.actual)?)));
                // Delivers the client's errors. It has no partitions, so this returns no record.
                consumer.poll(Duration::ZERO);
                both
            });
            let counts: Result<(i32, i32), KafkaError> = tokio::select! {
                () = shutdown.cancelled() => return Ok(false),
                counts = read => counts.context("reading the topics")?,
            };
            match counts {
                Ok(counts) => {
                    check_partitions(topics, counts)?;
                    self.readiness.set_ready();
                    return Ok(true);
                }
                Err(error) => {
                    let both = format!("topics `{}` and `{}`", topics.measured, topics.actual);
                    let context = self.consumer.context();
                    let reason = self.kafka.no_answer(&error, context, &both);
                    if self.readiness.set_not_ready(&reason) {
                        tracing::warn!("{reason}; retrying");
                    }
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(false),
                () = tokio::time::sleep(RETRY_INTERVAL) => {}
            }
        }
    }
}

/// The pause between two attempts to reach Kafka.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// The time limit of a request for metadata.
pub(crate) const METADATA_TIMEOUT: Duration = Duration::from_secs(3);

/// The rows of `file`, or of the folder's own file.
///
/// # Errors
/// There is no file, or it cannot be used.
pub fn schedule(folder: &Folder, file: Option<&Path>) -> Result<Schedule, UsageError> {
    let definition = folder.definition;
    let own = definition.feed.as_ref();
    let (path, feed) = match (file, own, folder.dir()) {
        (Some(file), own, _) => {
            // The first rows of another file are sent too.
            let feed = own.cloned().map(|mut feed| {
                feed.skip = 0;
                feed
            });
            (file.to_owned(), feed)
        }
        (None, Some(feed), Some(dir)) => (dir.join(&feed.file), Some(feed.clone())),
        (None, ..) => {
            let text = "no rows: name a CSV file, or add `[feed]` with `file` to pipeline.toml";
            return Err(UsageError(text.to_owned()));
        }
    };
    let usage = |error: crate::rows::RowsError| UsageError(error.to_string());
    let rows = FeedRows::open(&path, definition, feed.as_ref()).map_err(usage)?;
    let schedule = Schedule::read(rows, feed.as_ref()).map_err(usage)?;
    if schedule.count() == 0 {
        let unusable = schedule.unusable();
        let why = match unusable.count() {
            0 => "expected rows after the header".to_owned(),
            _ => unusable.to_string().replace('\n', "; "),
        };
        let text = format!("{}: no row can be sent: {why}", path.display());
        return Err(UsageError(text));
    }
    Ok(schedule)
}

fn check_partitions(topics: &Topics, counts: (i32, i32)) -> Result<(), UsageError> {
    for (topic, count) in [(&topics.measured, counts.0), (&topics.actual, counts.1)] {
        if count == 0 {
            let text =
                format!("the topic {topic} does not exist; create it with `catchweight topics`");
            return Err(UsageError(text));
        }
    }
    if counts.0 != counts.1 {
        return Err(UsageError(format!(
            "{} has {} partitions and {} has {}: expected the same number, since the join needs both records of a key in the same partition",
            topics.measured, counts.0, topics.actual, counts.1
        )));
    }
    Ok(())
}
