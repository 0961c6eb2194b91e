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
    if let Some((trigger, key)) = trigger.and_then(|trigger| Some((trigger, trigger.last_key()?))) {
        if let Some(report) = answer_without_training(models, &cause).await? {
            return Ok(report);
        }
        wait_for_row(store, key, trigger.model_version(), rule.row_wait).await?;
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
    let known = live.map_or(Vec::new(), |live| live.info.groups.to_vec());
    let Selection { rows, skipped } = select(store, rule, &known).await?;
    // Fitting a large model must not block the other tasks of this thread, which may hold a store
    // lock that an activation waits for.
    let definition = store.definition();
    let fit = move || train_version(definition, rows, skipped, cause, started);
    let version = spawn_blocking(fit).await;
    let version = version.map_err(|_panic| TrainFailure::Broken)??;
    let entry = models.submit(&version).await?;
    let trained = Some(&version.info);
    let live = live_version(models);
    Ok(TrainReport::new(definition, entry, trained, live))
}

async fn answer_without_training(
    models: &ModelRegistry,
    cause: &Cause,
) -> Result<Option<TrainReport>, StoreError> {
    let answer = models.answer_without_training(cause).await?;
    let definition = models.store().definition();
    Ok(answer.map(|entry| TrainReport::new(definition, entry, None, live_version(models))))
}

fn live_version(models: &ModelRegistry) -> Option<String> {
    let live = models.live().load();
    live.as_ref().map(|live| live.info.model_version.clone())
}

/// Waits until the training data contains a record, predicted by `version` if given.
async fn wait_for_row(
    store: &dyn Store,
    key: &str,
    version: Option<&str>,
    row_wait: Duration,
) -> Result<(), TrainFailure> {
    let deadline = Instant::now() + row_wait;
    while !store.has_row(key, version).await? {
        if Instant::now() >= deadline {
            return Err(TrainFailure::NotYet {
                record: &store.definition().record,
                key: key.to_owned(),
                version: version.map(str::to_owned),
                waited: row_wait,
            });
        }
        sleep(ROW_POLL).await;
    }
    Ok(())
}
