//! Training: which rows to use, fitting, and one training at a time.

mod fit;
mod recent;
mod refine;
mod report;
mod rows;
mod run;

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use model_store::{
    LiveModel, ModelRegistry, Refinement, Store, StoreError, TrainingOutcome, Trigger,
};
use service_runtime::Background;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

pub use fit::{MIN_ROWS, MIN_ROWS_PER_COLUMN, TrainError, train_version};
pub use refine::{RefineArgs, RefineAt, Refiner};
pub use report::{TrainFailure, TrainReport};
pub use rows::{Skipped, TrainingRule};

use crate::metrics::Metrics;

/// Maximum number of trainings that run or wait at the same time. Further calls are rejected. The limit
/// on requests is not enough, because a training continues when its caller disconnects.
const MAX_PENDING: usize = 64;

/// A call for training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainRequest {
    /// The trigger that caused the call, if any.
    pub trigger: Option<Trigger>,
    /// The refinement that is due, if the server itself is the caller.
    pub refinement: Option<Refinement>,
    /// Whether to override the gate and an earlier decision on the same rows.
    pub force: bool,
    /// How many of the newest rows to use; `None` for the configured number.
    pub rows: Option<u32>,
}

/// Trains once and decides, in the caller's task: what a [`Trainer`] does for each call, without its queue. It
/// needs a Tokio runtime.
///
/// # Errors
/// See [`TrainFailure`]. In that case the live model does not change.
pub async fn train_once(
    models: &ModelRegistry,
    rule: &TrainingRule,
    request: &TrainRequest,
) -> Result<TrainReport, TrainFailure> {
    run::run(models, rule, &tokio::sync::Mutex::new(()), request).await
}

type TrainResult = Result<TrainReport, Arc<TrainFailure>>;

/// Trains one model at a time. Each training is a separate task, which continues when its caller
/// disconnects. A training that waits for a row does not block others. Fitting runs on a low-priority
/// thread, so that requests are served first.
#[derive(Clone, Debug)]
pub struct Trainer {
    models: ModelRegistry,
    rule: TrainingRule,
    metrics: Metrics,
    /// Held while a training selects rows, fits and decides.
    lock: Arc<tokio::sync::Mutex<()>>,
    running: Arc<Mutex<Vec<Running>>>,
    background: Background,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Running {
    request: TrainRequest,
    result: watch::Receiver<Option<TrainResult>>,
}

impl Running {
    fn is_pending(&self) -> bool {
        self.result.borrow().is_none() && self.result.has_changed().is_ok()
    }
}

impl Trainer {
    /// A trainer for `models`, with a thread for the fitting.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn new(models: ModelRegistry, rule: TrainingRule, metrics: Metrics) -> io::Result<Self> {
        Ok(Self {
            models,
            rule,
            metrics,
            lock: Arc::default(),
            running: Arc::default(),
            background: Background::start("training")?,
            tasks: TaskTracker::new(),
        })
    }

    /// Trains, or joins a pending training with the same request.
    ///
    /// # Errors
    /// See [`TrainFailure`]. In that case the live model does not change.
    pub async fn train(&self, request: TrainRequest) -> TrainResult {
        let joined = self.join_or_start(request);
        self.metrics.training_calls.inc();
        let Some(mut result) = joined else {
            let busy = Err(TrainFailure::Busy);
            self.metrics.training(&busy);
            return busy.map_err(Arc::new);
        };
        let outcome = result.wait_for(Option::is_some).await;
        match outcome.as_deref() {
            Ok(Some(result)) => result.clone(),
            _ => Err(Arc::new(TrainFailure::Broken)),
        }
    }

    /// A receiver of the result; `None` if too many trainings are pending.
    fn join_or_start(&self, request: TrainRequest) -> Option<watch::Receiver<Option<TrainResult>>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(Running::is_pending);
        if let Some(same) = running.iter().find(|other| other.request == request) {
            return Some(same.result.clone());
        }
        if running.len() >= MAX_PENDING {
            return None;
        }
        let (sender, result) = watch::channel(None);
        running.push(Running {
            request: request.clone(),
            result: result.clone(),
        });
        let trainer = self.clone();
        let task = async move {
            let run = run::run(&trainer.models, &trainer.rule, &trainer.lock, &request);
            let outcome = AssertUnwindSafe(run).catch_unwind().await;
            let outcome = outcome.unwrap_or(Err(TrainFailure::Broken));
            trainer.metrics.training(&outcome);
            log(&outcome);
            sender.send_replace(Some(outcome.map_err(Arc::new)));
            trainer.prune().await;
        };
        // The caller's span puts its trace id on the log lines.
        self.background.spawn(&self.tasks, task.in_current_span());
        Some(result)
    }

    async fn prune(&self) {
        if let Err(error) = self.models.prune(self.rule.keep_versions).await {
            tracing::warn!(%error, "deleting old versions failed; the next training tries again");
        }
    }

    /// Makes a stored version live at a client's request; `None` if there is no such version.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn activate(
        &self,
        id: &str,
        pinned: bool,
    ) -> Result<Option<Arc<LiveModel>>, StoreError> {
        let (models, id) = (self.models.clone(), id.to_owned());
        let task = async move { models.activate(&id, pinned).await };
        let joined = self.tasks.spawn(task.in_current_span()).await;
        joined.map_err(|panic| StoreError::Failed(panic.into()))?
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        self.models.store()
    }

    /// Waits for all accepted trainings.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn log(outcome: &Result<TrainReport, TrainFailure>) {
    match outcome {
        Ok(report) if report.outcome == TrainingOutcome::NotTrainable => tracing::warn!(
            reason = report.reason,
            "no model can be fitted for a trigger; the live model stays"
        ),
        Ok(report) => tracing::info!(
            outcome = %report.outcome,
            version = report.model_version,
            live = report.live_version,
            rows = report.rows,
            skipped = report.skipped_rows,
            groups = report
                .groups
                .values()
                .flatten()
                .next()
                .map(|all| all.join(", ")),
            loo_error = report.loo_error,
            champion_error = report.champion_error,
            reason = report.reason,
            "training ended"
        ),
        Err(failure) => tracing::warn!(%failure, "training failed; the live model stays"),
    }
}
