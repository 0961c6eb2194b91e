//! Training: which rows, one run at a time, and what came of it.

mod report;
mod rows;
mod run;

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use service_runtime::Background;
use tokio::sync::{Mutex as Turn, watch};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

pub use report::{TrainFailure, TrainReport};
pub use rows::TrainingRule;

use crate::cause::Trigger;
use crate::life::Life;
use crate::live::LiveModel;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};

/// Trainings that may run or wait at the same moment; more are turned away. Callers that hang up
/// leave theirs behind, so that the limit of requests does not bound them.
const MAX_PENDING: usize = 64;

/// What a training is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainRequest {
    /// The row of `weight-retrain` that asks for it, if one does.
    pub trigger: Option<Trigger>,
    /// Whether the gate and an earlier decision on the same rows are overridden.
    pub force: bool,
    /// How many of the newest rows to take, instead of the setting.
    pub rows: Option<u32>,
}

type Answer = Result<TrainReport, Arc<TrainFailure>>;

/// Trains one model at a time, in tasks of their own: a caller that goes away stops nothing. Who
/// waits for a row holds up no other. The work is done on a thread that leaves the cores to
/// requests.
#[derive(Clone, Debug)]
pub struct Trainer {
    life: Life,
    rule: TrainingRule,
    metrics: Metrics,
    turn: Arc<Turn<()>>,
    running: Arc<Mutex<Vec<Running>>>,
    background: Background,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Running {
    request: TrainRequest,
    answer: watch::Receiver<Option<Answer>>,
}

impl Running {
    fn is_pending(&self) -> bool {
        self.answer.borrow().is_none() && self.answer.has_changed().is_ok()
    }
}

impl Trainer {
    /// A trainer of the models of `life`, with a thread for its work.
    ///
    /// # Errors
    /// Where there can be no such thread.
    pub fn new(life: Life, rule: TrainingRule, metrics: Metrics) -> io::Result<Self> {
        Ok(Self {
            life,
            rule,
            metrics,
            turn: Arc::default(),
            running: Arc::default(),
            background: Background::start("training")?,
            tasks: TaskTracker::new(),
        })
    }

    /// Trains, or joins the training that runs or waits with the same request.
    ///
    /// # Errors
    /// See [`TrainFailure`]; the live model stays.
    pub async fn train(&self, request: TrainRequest) -> Answer {
        let joined = self.join_or_start(request);
        self.metrics.training_calls.inc();
        let Some(mut answer) = joined else {
            let turned_away = Err(TrainFailure::Busy);
            self.metrics.training(&turned_away);
            return turned_away.map_err(Arc::new);
        };
        let ended = answer.wait_for(Option::is_some).await;
        match ended.as_deref() {
            Ok(Some(answer)) => answer.clone(),
            _ => Err(Arc::new(TrainFailure::Broken)),
        }
    }

    /// Where the answer will be; none where too many wait already.
    fn join_or_start(&self, request: TrainRequest) -> Option<watch::Receiver<Option<Answer>>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(Running::is_pending);
        if let Some(same) = running.iter().find(|other| other.request == request) {
            return Some(same.answer.clone());
        }
        if running.len() >= MAX_PENDING {
            return None;
        }
        let (sender, answer) = watch::channel(None);
        running.push(Running {
            request: request.clone(),
            answer: answer.clone(),
        });
        let trainer = self.clone();
        let task = async move {
            let run = run::run(&trainer.life, &trainer.rule, &trainer.turn, &request);
            let ended = AssertUnwindSafe(run).catch_unwind().await;
            let ended = ended.unwrap_or(Err(TrainFailure::Broken));
            trainer.metrics.training(&ended);
            log(&ended);
            sender.send_replace(Some(ended.map_err(Arc::new)));
            trainer.prune().await;
        };
        // In the caller's span, so that the log lines have its trace.
        self.background.spawn(&self.tasks, task.in_current_span());
        Some(answer)
    }

    async fn prune(&self) {
        if let Err(error) = self.life.prune(self.rule.keep_versions).await {
            tracing::warn!(%error, "old versions could not be forgotten; the next training tries again");
        }
    }

    /// Makes a stored version live because someone asks for it, held there where `pinned`; none
    /// where there is no such version.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn activate(
        &self,
        id: &str,
        pinned: bool,
    ) -> Result<Option<Arc<LiveModel>>, StoreError> {
        let (life, id) = (self.life.clone(), id.to_owned());
        let task = async move { life.activate(&id, pinned).await };
        let ended = self.tasks.spawn(task.in_current_span()).await;
        ended.map_err(|panic| StoreError::Failed(panic.into()))?
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        self.life.store()
    }

    /// Waits for the trainings that were accepted.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn log(ended: &Result<TrainReport, TrainFailure>) {
    match ended {
        Ok(report) => tracing::info!(
            outcome = %report.outcome,
            version = report.model_version,
            live = report.live_version,
            rows = report.rows,
            skipped = report.skipped_rows,
            species = report.species.as_ref().map(|all| all.join(", ")),
            loo_error = report.loo_error,
            champion_error = report.champion_error,
            reason = report.reason,
            "training ended"
        ),
        Err(failure) => tracing::warn!(%failure, "training failed; the live model stays"),
    }
}
