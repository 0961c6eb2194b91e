//! Refinements: after a trigger's version has gone live, train again as rows come.
//!
//! A trigger comes early, so its training has few rows of what is new. Which refinements are done is read from
//! the decision log, so several replicas, or a restart, repeat none.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use model_store::features::TrainingRow;
use model_store::{LogEntry, ModelRegistry, Page, Refinement, Store, StoreError};
use service_runtime::CancellationToken;
use tokio::time::{MissedTickBehavior, interval};

use super::report::TrainFailure;
use super::{TrainRequest, Trainer};

/// The most refinements after one trigger.
const MOST: usize = 10;
/// The most rows before a refinement.
const MOST_ROWS: u32 = 10_000;

/// After how many rows, since a trigger's version went live, to train again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefineAt(Vec<u32>);

impl RefineAt {
    /// Whether nothing is refined.
    pub fn is_never(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for RefineAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let numbers = text.split(',').map(|number| number.trim().parse());
        let numbers: Vec<u32> = numbers.collect::<Result<_, _>>().unwrap_or_default();
        let in_range = numbers
            .iter()
            .all(|number| (1..=MOST_ROWS).contains(number));
        let rises = numbers
            .iter()
            .zip(numbers.iter().skip(1))
            .all(|(a, b)| a < b);
        if numbers.is_empty() || numbers.len() > MOST || !in_range || !rises {
            return Err(format!(
                "`{text}` is not a list of rising numbers of rows; expected at most {MOST} from 1 to {MOST_ROWS}, \
                 such as 10,20,50"
            ));
        }
        Ok(Self(numbers))
    }
}

impl fmt::Display for RefineAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join(","))
    }
}

/// The flag of all programs that train.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct RefineArgs {
    /// Train again, through the gate, when this many rows have come since a trigger's version went live, such as
    /// 10,20,50 [default: never]
    #[arg(
        long,
        env = "REFINE_AT",
        default_value = "",
        hide_default_value = true,
        value_name = "ROWS,ROWS"
    )]
    pub refine_at: RefineAt,
}

/// Finds out which refinement is due.
#[derive(Debug)]
pub struct Refiner {
    at: RefineAt,
    refined: Option<Refined>,
}

/// What is refined.
#[derive(Debug)]
struct Refined {
    /// The sequence number of the trigger's activation.
    activation: u64,
    /// The place of the newest training row of its version; `None` if it cannot be known.
    newest_row: Option<(String, String)>,
    /// The refinements up to this number of rows are done.
    done: u32,
}

impl Refiner {
    /// Without knowledge of the log.
    pub fn new(at: RefineAt) -> Self {
        Self { at, refined: None }
    }

    /// The refinement of the live version that is due. If several are, the last one, which has all rows.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn due(&mut self, models: &ModelRegistry) -> Result<Option<Refinement>, StoreError> {
        if self.at.is_never() {
            return Ok(None);
        }
        let live = models.live().get();
        let Some(activation) = live.and_then(|live| live.activation.refined_activation()) else {
            self.refined = None;
            return Ok(None);
        };
        let store = models.store().as_ref();
        let refined = match self.refined.take() {
            Some(refined) if refined.activation == activation => refined,
            _ => Refined::read(store, activation).await?,
        };
        let refined = self.refined.insert(refined);
        let mut due = None;
        for rows in self.at.0.iter().filter(|rows| **rows > refined.done) {
            if !refined.has_rows(store, *rows).await? {
                break;
            }
            due = Some(Refinement {
                activation,
                rows: *rows,
            });
        }
        Ok(due)
    }

    /// Notes that there is a decision on a refinement.
    pub fn done(&mut self, refinement: Refinement) {
        let refined = self.refined.as_mut();
        if let Some(refined) = refined.filter(|one| one.activation == refinement.activation) {
            refined.done = refined.done.max(refinement.rows);
        }
    }

    /// Trains on the refinement that is due, if any.
    async fn step(&mut self, models: &ModelRegistry, trainer: &Trainer) -> Result<(), StoreError> {
        let Some(refinement) = self.due(models).await? else {
            return Ok(());
        };
        let request = TrainRequest {
            refinement: Some(refinement),
            ..TrainRequest::default()
        };
        // The trainer logs the outcome.
        match trainer
            .train(request)
            .await
            .as_ref()
            .map_err(|failure| &**failure)
        {
            Err(TrainFailure::Store(_) | TrainFailure::Busy) => {}
            _ => self.done(refinement),
        }
        Ok(())
    }

    /// Refines until shutdown.
    pub(crate) async fn run(
        mut self,
        models: ModelRegistry,
        trainer: Trainer,
        poll: Duration,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut ticks = interval(poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = async {
                ticks.tick().await;
                self.step(&models, &trainer).await
            };
            // A training that has begun continues, as if its caller had disconnected.
            let step = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                step = step => step,
            };
            if let Err(error) = step {
                // The task that reads the log reports a store that is down once, not with each poll.
                tracing::debug!(%error, "cannot find out whether a refinement is due");
            }
        }
    }
}

impl Refined {
    /// What the log says.
    async fn read(store: &dyn Store, activation: u64) -> Result<Self, StoreError> {
        let log = store.entries_after(activation.saturating_sub(1)).await?;
        let first = log.first().filter(|entry| entry.sequence == activation);
        let version = match first {
            Some(entry) => store.version(&entry.model_version).await?,
            None => None,
        };
        let newest = version.and_then(|version| version.training_rows.into_iter().next_back());
        let decided = log.iter().filter(|entry| entry.is_final());
        let refinements = decided.filter_map(|entry: &LogEntry| entry.cause.refinement);
        let of_this = refinements.filter(|one| one.activation == activation);
        Ok(Self {
            activation,
            newest_row: newest.and_then(|row| Some((row.timestamp?, row.row_id))),
            done: of_this.map(|one| one.rows).max().unwrap_or(0),
        })
    }

    /// Whether this many rows are newer than the training rows of the trigger's version.
    async fn has_rows(&self, store: &dyn Store, rows: u32) -> Result<bool, StoreError> {
        let Some(newest) = &self.newest_row else {
            return Ok(false);
        };
        let skip = u64::from(rows.saturating_sub(1));
        let page = store.newest_rows(None, Page { skip, limit: 1 }).await?;
        let place = page.first().and_then(TrainingRow::place);
        Ok(place.is_some_and(|place| place > *newest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_rows_rise() {
        for (text, shown) in [("", ""), ("10", "10"), ("10, 20,50", "10,20,50")] {
            let read: RefineAt = text.parse().unwrap();
            assert_eq!(read.to_string(), shown);
            assert_eq!(read.is_never(), shown.is_empty());
        }
        for wrong in [
            "0",
            "10,10",
            "20,10",
            "10,",
            "x",
            "10001",
            "1,2,3,4,5,6,7,8,9,10,11",
        ] {
            let error = wrong.parse::<RefineAt>().unwrap_err();
            assert!(error.contains("such as 10,20,50"), "{error}");
        }
    }
}
