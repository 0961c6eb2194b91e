//! One training, from the request to the decision.

use std::time::Duration;

use model_store::{Cause, ModelRegistry, Page, Store, StoreError};
use pipeline::EventTime;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::TrainRequest;
use super::fit::TrainError;
use super::recent::train_best;
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
    let cause = match request.refinement {
        Some(refinement) => Cause::refined(refinement),
        None => Cause::of(request.trigger.clone()),
    };
    let cause = cause.forced(request.force);
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
        most: rule.most.max(request.rows.unwrap_or(0)),
        ..*rule
    };
    let live = models.live().get();
    let known = live.map_or(Vec::new(), |live| live.info.groups.to_vec());
    // With random intercepts, the live version's rows are needed for levels of which the store has few.
    let live_rows = match models.live().get() {
        Some(live) if store.definition().formula.group().is_some() => {
            let version = store.version(&live.info.model_version).await?;
            version.map_or(Vec::new(), |version| version.training_rows)
        }
        _ => Vec::new(),
    };
    let Selection { rows, skipped } = select(store, rule, &known, live_rows).await?;
    // Fitting a large model must not block the other tasks of this thread, which may hold a store
    // lock that an activation waits for.
    let definition = store.definition();
    if skipped.count() > 0 {
        tracing::warn!(%skipped, "rows cannot be used for training");
    }
    let skipped_reasons = skipped.reasons().clone();
    let decided = cause.clone();
    let newest = rule.newest as usize;
    let fit = move || train_best(definition, rows, newest, &skipped, &cause, started);
    let version = spawn_blocking(fit).await;
    let version = match version.map_err(|_panic| TrainFailure::Broken)? {
        Ok(version) => version,
        Err(error) => {
            let report = decide_not_trainable(models, &decided, &error).await?;
            return report.map_or(Err(error.into()), |report| {
                Ok(TrainReport {
                    skipped_reasons,
                    ..report
                })
            });
        }
    };
    let entry = models.submit(&version).await?;
    let trained = Some(&version.info);
    let live = live_version(models);
    Ok(TrainReport {
        skipped_reasons,
        ..TrainReport::new(definition, entry, trained, live)
    })
}

async fn answer_without_training(
    models: &ModelRegistry,
    cause: &Cause,
) -> Result<Option<TrainReport>, StoreError> {
    let answer = models.answer_without_training(cause).await?;
    let definition = models.store().definition();
    Ok(answer.map(|entry| TrainReport::new(definition, entry, None, live_version(models))))
}

/// Records that a trigger or a refinement cannot be trained, so that it is not repeated; the next one asks
/// anew. `None` for any other call, whose sender gets the error.
async fn decide_not_trainable(
    models: &ModelRegistry,
    cause: &Cause,
    error: &TrainError,
) -> Result<Option<TrainReport>, StoreError> {
    if !cause.is_automatic() {
        return Ok(None);
    }
    let entry = models.not_trainable(cause, &error.to_string()).await?;
    let definition = models.store().definition();
    Ok(entry.map(|entry| TrainReport::new(definition, entry, None, live_version(models))))
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
    if store.has_row(key, version).await? {
        return Ok(());
    }
    let Awaited { keys, versions } = Awaited::in_store(store).await?;
    if !keys {
        return Ok(());
    }
    let version = version.filter(|_| versions);
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

/// What the rows of the store have, judged by the newest one. Rows of other writers may lack a key, or the
/// version that predicted them; waiting for such a field would never end.
struct Awaited {
    keys: bool,
    versions: bool,
}

impl Awaited {
    async fn in_store(store: &dyn Store) -> Result<Self, StoreError> {
        let newest = store.newest_rows(None, Page { skip: 0, limit: 1 }).await?;
        let has = |field: &str| {
            let mut values = newest.iter().map(|row| row.get(field));
            values.all(|value| value.is_some_and(|value| !value.is_null()))
        };
        Ok(Self {
            keys: has(&store.definition().key),
            versions: has("ModelVersion"),
        })
    }
}
