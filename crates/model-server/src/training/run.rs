//! One training, from the request to the decision.

use std::time::Duration;

use pipeline::EventTime;
use tokio::sync::Mutex as Turn;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::TrainRequest;
use super::report::{TrainFailure, TrainReport};
use super::rows::{Selection, TrainingRule, select};
use crate::cause::Cause;
use crate::life::Life;
use crate::store::{Store, StoreError};
use crate::version::Version;

/// How often the store is asked for the row that a trigger names.
const ROW_POLL: Duration = Duration::from_millis(50);

/// Trains and decides, in its turn. A row that has to be waited for is waited for before it, so that
/// others train meanwhile.
pub(super) async fn run(
    life: &Life,
    rule: &TrainingRule,
    turn: &Turn<()>,
    request: &TrainRequest,
) -> Result<TrainReport, TrainFailure> {
    let started = EventTime::now();
    let cause = Cause::of(request.trigger.clone()).forced(request.force);
    let store = life.store().as_ref();
    let trigger = request.trigger.as_ref();
    if let Some((trigger, fish_id)) = trigger.and_then(|t| Some((t, t.fish_id_end.as_deref()?))) {
        if let Some(dismissed) = dismiss(life, &cause).await? {
            return Ok(dismissed);
        }
        let version = trigger.model_version.as_deref();
        await_row(store, fish_id, version, rule.row_wait).await?;
    }
    let _turn = turn.lock().await;
    // What others decided meanwhile counts.
    if let Some(dismissed) = dismiss(life, &cause).await? {
        return Ok(dismissed);
    }
    let rule = TrainingRule {
        newest: request.rows.unwrap_or(rule.newest),
        ..*rule
    };
    let live = life.live().get();
    let known = live.map_or(Vec::new(), |live| live.info.species.clone());
    let Selection { rows, skipped } = select(store, rule, &known).await?;
    // Aside: what else runs on this thread may hold what a rollback waits for.
    let version = spawn_blocking(move || Version::train(rows, skipped, cause, started)).await;
    let version = version.map_err(|_panic| TrainFailure::Broken)??;
    let decision = life.introduce(&version).await?;
    let trained = Some(&version.info);
    Ok(TrainReport::new(decision, trained, live_version(life)))
}

/// The answer to a call that must change nothing; none where it is to be trained.
async fn dismiss(life: &Life, cause: &Cause) -> Result<Option<TrainReport>, StoreError> {
    let dismissed = life.dismiss(cause).await?;
    Ok(dismissed.map(|decision| TrainReport::new(decision, None, live_version(life))))
}

fn live_version(life: &Life) -> Option<String> {
    let live = life.live().load();
    live.as_ref().map(|live| live.info.model_version.clone())
}

/// Waits until a fish that a version predicted is in the training data.
async fn await_row(
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
