//! One training, from the request to the decision.

use std::time::Duration;

use messages::EventTime;
use tokio::time::{Instant, sleep};

use super::TrainRequest;
use super::report::{Outcome, TrainFailure, TrainReport};
use super::rows::{Selection, TrainingRule, select};
use crate::cause::{Cause, Trigger};
use crate::decision::Verdict;
use crate::life::{Decided, Life, State};
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
    let state = life.follow().await?;
    if let Some(report) = nothing_to_do(&state, request.trigger.as_ref()) {
        return Ok(report);
    }
    await_row(
        life.store().as_ref(),
        request.trigger.as_ref(),
        rule.row_wait,
    )
    .await?;
    let rule = TrainingRule {
        newest: request.rows.unwrap_or(rule.newest),
        ..*rule
    };
    let known = state
        .champion
        .map_or(Vec::new(), |live| live.info.species.clone());
    let Selection { rows, skipped } = select(life.store().as_ref(), rule, &known).await?;
    let cause = Cause::of(request.trigger.clone());
    let version = in_background(move || Version::train(rows, skipped, cause, started)).await??;
    let decided = life.introduce(&version, request.force).await?;
    Ok(report(&version, decided, life))
}

/// The answer to a trigger that must change nothing.
fn nothing_to_do(state: &State, trigger: Option<&Trigger>) -> Option<TrainReport> {
    let live = state.champion.as_ref()?.info.model_version.clone();
    let (outcome, reason) = if state.supersedes(trigger) {
        (
            Outcome::Superseded,
            format!("{live} is live, not the version that erred"),
        )
    } else if state.pinned() {
        (Outcome::Pinned, format!("{live} is pinned"))
    } else {
        return None;
    };
    Some(TrainReport {
        outcome,
        model_version: Some(live.clone()),
        live_version: Some(live),
        rows: None,
        skipped_rows: None,
        species: None,
        first_row: None,
        last_row: None,
        loo_error: None,
        champion_error: None,
        reason,
    })
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

fn report(version: &Version, decided: Decided, life: &Life) -> TrainReport {
    let info = &version.info;
    let live = life
        .live()
        .get()
        .map(|live| live.info.model_version.clone());
    let (outcome, champion_error, reason) = match decided {
        Decided::Before => (
            Outcome::Unchanged,
            None,
            "these rows have been decided on before".into(),
        ),
        Decided::Now(decision) => {
            let outcome = match decision.verdict {
                Verdict::Activated => Outcome::Activated,
                Verdict::Rejected => Outcome::Rejected,
            };
            let champion_error = decision.gate.map(|gate| gate.champion_error);
            (outcome, champion_error, decision.reason)
        }
    };
    TrainReport {
        outcome,
        model_version: Some(info.model_version.clone()),
        live_version: live,
        rows: Some(info.rows),
        skipped_rows: Some(info.skipped_rows),
        species: Some(info.species.clone()),
        first_row: info.first_row.clone(),
        last_row: info.last_row.clone(),
        loo_error: Some(info.loo_error),
        champion_error,
        reason,
    }
}
