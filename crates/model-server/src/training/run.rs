//! One training, from the request to the decision.

use std::time::Duration;

use messages::EventTime;
use tokio::time::{Instant, sleep};

use super::TrainRequest;
use super::report::{TrainFailure, TrainReport};
use super::rows::{Selection, TrainingRule, select};
use crate::cause::{Cause, Trigger};
use crate::life::Life;
use crate::store::{Store, StoreError};
use crate::version::Version;

/// How often the store is asked for the row that a trigger names.
const ROW_POLL: Duration = Duration::from_millis(50);

/// Trains and decides.
pub(super) async fn run(
    life: &Life,
    rule: &TrainingRule,
    request: &TrainRequest,
) -> Result<TrainReport, TrainFailure> {
    let started = EventTime::now();
    let cause = Cause::of(request.trigger.clone());
    if let Some(dismissed) = life.dismiss(&cause, request.force).await? {
        return Ok(TrainReport::new(dismissed, None, live_version(life)));
    }
    let store = life.store().as_ref();
    await_row(store, request.trigger.as_ref(), rule.row_wait).await?;
    let rule = TrainingRule {
        newest: request.rows.unwrap_or(rule.newest),
        ..*rule
    };
    let live = life.live().get();
    let known = live.map_or(Vec::new(), |live| live.info.species.clone());
    let Selection { rows, skipped } = select(store, rule, &known).await?;
    let version = in_background(move || Version::train(rows, skipped, cause, started)).await??;
    let decision = life.introduce(&version, request.force).await?;
    let trained = Some(&version.info);
    Ok(TrainReport::new(decision, trained, live_version(life)))
}

fn live_version(life: &Life) -> Option<String> {
    let live = life.live().load();
    live.as_ref().map(|live| live.info.model_version.clone())
}

/// Waits until the last fish of the trigger's window is in the training data.
async fn await_row(
    store: &dyn Store,
    trigger: Option<&Trigger>,
    row_wait: Duration,
) -> Result<(), TrainFailure> {
    let Some((trigger, fish_id)) = trigger.and_then(|t| Some((t, t.fish_id_end.as_deref()?)))
    else {
        return Ok(());
    };
    let deadline = Instant::now() + row_wait;
    while !store
        .has_fish(fish_id, trigger.model_version.as_deref())
        .await?
    {
        if Instant::now() >= deadline {
            return Err(TrainFailure::NotYet {
                fish_id: fish_id.to_owned(),
                waited: row_wait,
            });
        }
        sleep(ROW_POLL).await;
    }
    Ok(())
}

/// Computes where it does not hold up requests.
async fn in_background<T, J>(job: J) -> Result<T, StoreError>
where
    T: Send + 'static,
    J: FnOnce() -> T + Send + 'static,
{
    tokio::task::spawn_blocking(job)
        .await
        .map_err(|panic| StoreError::Failed(panic.into()))
}
