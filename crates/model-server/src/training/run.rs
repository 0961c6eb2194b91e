//! One training, from the request to the decision.

use std::time::Duration;

use model_store::{Cause, ModelRegistry, Store, StoreError};
use pipeline::EventTime;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::TrainRequest;
use super::fit::train_version;
use super::report::{TrainFailure, TrainReport};
use super::rows::{Selection, TrainingRule, select};

/// How often to check the store for the row that a trigger names.
const ROW_POLL: Duration = Duration::from_millis(50);

/// Trains and decides while holding `lock`. Waits for the trigger's row before it takes the lock, so
/// that other trainings can run in the meantime.
pub(super) async fn run(
    models: &ModelRegistry,
    rule: &TrainingRule,
    lock: &Mutex<()>,
    request: &TrainRequest,
) -> Result<TrainReport, TrainFailure> {
    let started = EventTime::now();
    let cause = Cause::of(request.trigger.clone()).forced(request.force);
    let store = models.store().as_ref();
    let trigger = request.trigger.as_ref();
    if let Some((trigger, fish_id)) = trigger.and_then(|t| Some((t, t.fish_id_end.as_deref()?))) {
        if let Some(report) = answer_without_training(models, &cause).await? {
            return Ok(report);
        }
        let version = trigger.model_version.as_deref();
        wait_for_row(store, fish_id, version, rule.row_wait).await?;
    }
    let _guard = lock.lock().await;
    // Another training may have changed the live model in the meantime.
    if let Some(report) = answer_without_training(models, &cause).await? {
        return Ok(report);
    }
    let rule = TrainingRule {
        newest: request.rows.unwrap_or(rule.newest),
        ..*rule
    };
    let live = models.live().get();
    let known = live.map_or(Vec::new(), |live| live.info.species.clone());
    let Selection { rows, skipped } = select(store, rule, &known).await?;
    // Fitting a large model must not block the other tasks of this thread, which may hold a store
    // lock that an activation waits for.
    let version = spawn_blocking(move || train_version(rows, skipped, cause, started)).await;
    let version = version.map_err(|_panic| TrainFailure::Broken)??;
    let entry = models.submit(&version).await?;
    let trained = Some(&version.info);
    Ok(TrainReport::new(entry, trained, live_version(models)))
}

async fn answer_without_training(
    models: &ModelRegistry,
    cause: &Cause,
) -> Result<Option<TrainReport>, StoreError> {
    let answer = models.answer_without_training(cause).await?;
    Ok(answer.map(|entry| TrainReport::new(entry, None, live_version(models))))
}

fn live_version(models: &ModelRegistry) -> Option<String> {
    let live = models.live().load();
    live.as_ref().map(|live| live.info.model_version.clone())
}

/// Waits until the training data contains a fish, predicted by `version` if given.
async fn wait_for_row(
    store: &dyn Store,
    fish_id: &str,
    version: Option<&str>,
    row_wait: Duration,
) -> Result<(), TrainFailure> {
    let deadline = Instant::now() + row_wait;
    while !store.has_fish(fish_id, version).await? {
        if Instant::now() >= deadline {
            return Err(TrainFailure::NotYet {
                fish_id: fish_id.to_owned(),
                version: version.map(str::to_owned),
                waited: row_wait,
            });
        }
        sleep(ROW_POLL).await;
    }
    Ok(())
}
