//! Pure functions from the state and the log to the next log entry.

use std::sync::Arc;

use pipeline::EventTime;

use super::LogState;
use crate::cause::{Cause, Trigger};
use crate::features;
use crate::live::LiveModel;
use crate::log_entry::{GateCheck, LogEntry, MARGIN, TrainingOutcome};
use crate::version::Version;

/// The number of entries on one version after which triggers without effect are no longer recorded,
/// so that the log stays bounded while a version is pinned. Also the number of entries read: older
/// ones are such triggers too, or a later one is final for the same cause.
pub(super) const MAX_ENTRIES: u32 = 1_000;

/// How the version to decide on came into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This call has inserted it.
    New,
    /// It existed before this call.
    Existing,
    /// An earlier process inserted it and stopped before the decision.
    LeftBehind,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Train a version and decide on that.
    Train,
    /// Return an entry without appending it.
    Answer(LogEntry),
    /// Append an entry and return it.
    Append(LogEntry),
}

/// The part of the log that a decision on a version depends on.
#[derive(Clone, Copy)]
pub(super) struct Log<'a> {
    /// The last [`MAX_ENTRIES`] entries on the version.
    pub(super) on_version: &'a [LogEntry],
    /// The entries caused by the same trigger.
    pub(super) same_trigger: &'a [LogEntry],
    /// The entry that this call failed to append before.
    pub(super) attempted: Option<&'a LogEntry>,
}

/// Decides on a call for training, before anything is trained.
pub(super) fn before_training(
    state: &LogState,
    cause: &Cause,
    same_trigger: &[LogEntry],
    now: EventTime,
) -> Action {
    let Some(live) = state.live_version() else {
        return Action::Train;
    };
    if let Some(outcome) = refusal(state, cause.trigger.as_ref()) {
        let entry = entry(live, cause, state, now, outcome);
        return if cause.trigger.is_some() && same_trigger.is_empty() {
            Action::Append(entry)
        } else {
            Action::Answer(entry)
        };
    }
    match final_entry(same_trigger, cause) {
        Some(earlier) => {
            let outcome = (TrainingOutcome::Unchanged, answered_before(earlier));
            Action::Answer(entry(&earlier.model_version, cause, state, now, outcome))
        }
        None => Action::Train,
    }
}

/// Decides on a stored version.
pub(super) fn on_version(
    state: &LogState,
    version: &Version,
    origin: Origin,
    log: Log<'_>,
    now: EventTime,
) -> Action {
    let info = &version.info;
    let forced = info.cause.forced;
    // Another replica that starts may decide first on the version that this call has inserted.
    let decides_this_call = |entry: &&LogEntry| {
        origin == Origin::New
            && entry.time >= info.trained
            && (entry.forced || !forced)
            && entry.cause.trigger == info.cause.trigger
    };
    // An append may succeed although its response is lost. The retry then finds the entry in the log.
    let own = |entry: &&LogEntry| log.attempted == Some(*entry) || decides_this_call(entry);
    if let Some(entry) = log.on_version.iter().find(own) {
        return Action::Answer(entry.clone());
    }

    let force_again = forced && state.live_version() != Some(&info.model_version);
    let is_decided = log.on_version.iter().any(LogEntry::is_final);
    let entry = if force_again || state.champion.is_none() || !is_decided {
        judge(state, version, origin, log.same_trigger, now)
    } else {
        let reason = "there already is a decision on these rows".to_owned();
        let outcome = (TrainingOutcome::Unchanged, reason);
        entry(&info.model_version, &info.cause, state, now, outcome)
    };

    let new_trigger =
        info.cause.trigger.is_some() && !log.same_trigger.iter().any(LogEntry::is_final);
    let has_room = log.on_version.len() < MAX_ENTRIES as usize;
    let is_recorded = log.on_version.is_empty() || (new_trigger && has_room);
    if entry.outcome == TrainingOutcome::Unchanged && !is_recorded {
        Action::Answer(entry)
    } else {
        Action::Append(entry)
    }
}

/// Decides on the activation of a stored version that a client requests.
pub(super) fn activation(state: &LogState, id: &str, pinned: bool, now: EventTime) -> Action {
    if let Some(live) = live_as(state, id, pinned) {
        return Action::Answer(live.activation.clone());
    }
    let reason = if pinned {
        "requested, and pinned"
    } else {
        "requested"
    };
    let outcome = (TrainingOutcome::Activated, reason.to_owned());
    Action::Append(LogEntry {
        pinned,
        ..entry(id, &Cause::of(None), state, now, outcome)
    })
}

/// The champion, if it is this version and is pinned as given.
pub(super) fn live_as<'a>(
    state: &'a LogState,
    id: &str,
    pinned: bool,
) -> Option<&'a Arc<LiveModel>> {
    let champion = state.champion.as_ref()?;
    let is_asked_for = champion.info.model_version == id && champion.activation.pinned == pinned;
    (is_asked_for && !state.is_fallback).then_some(champion)
}

/// The outcome of a version that is new to the log.
fn judge(
    state: &LogState,
    version: &Version,
    origin: Origin,
    same_trigger: &[LogEntry],
    now: EventTime,
) -> LogEntry {
    let info = &version.info;
    let decided = |outcome, reason: String| {
        let outcome = (outcome, reason);
        entry(&info.model_version, &info.cause, state, now, outcome)
    };
    let Some(champion) = &state.champion else {
        return decided(TrainingOutcome::Activated, "no version was live".into());
    };
    if let Some((outcome, reason)) = refusal(state, info.cause.trigger.as_ref()) {
        return decided(outcome, reason);
    }
    if let Some(earlier) = final_entry(same_trigger, &info.cause) {
        return decided(TrainingOutcome::Unchanged, answered_before(earlier));
    }
    if origin == Origin::LeftBehind && champion.activation.time > info.trained {
        let live = &champion.info.model_version;
        let reason = format!("{live} went live after this version was trained");
        return decided(TrainingOutcome::Superseded, reason);
    }
    let champion_error = match champion_error(champion, version) {
        Ok(error) => error,
        // The champion has another formula or predicts values that overflow.
        Err(fault) => {
            let reason =
                format!("the error of the live model on these rows cannot be computed: {fault}");
            return decided(TrainingOutcome::Activated, reason);
        }
    };
    let gate = GateCheck {
        champion: champion.info.model_version.clone(),
        loo_error: info.loo_error,
        champion_error,
        margin: MARGIN,
    };
    let (outcome, reason) = match (gate.passed(), info.cause.forced) {
        (true, _) => (TrainingOutcome::Activated, "passed the gate"),
        (false, true) => (TrainingOutcome::Activated, "forced past the gate"),
        (false, false) => (
            TrainingOutcome::Rejected,
            "worse than the champion by more than the margin",
        ),
    };
    LogEntry {
        gate: Some(gate),
        ..decided(outcome, reason.to_owned())
    }
}

/// Why a call must not change anything, whatever the rows are: the version that its trigger names is
/// no longer live, or the live version is pinned.
fn refusal(state: &LogState, trigger: Option<&Trigger>) -> Option<(TrainingOutcome, String)> {
    let champion = state.champion.as_ref()?;
    let live = &champion.info.model_version;
    match trigger.and_then(|trigger| trigger.model_version.as_ref()) {
        Some(named) if named != live => {
            let reason = format!("{live} is live, not the version that the trigger names");
            Some((TrainingOutcome::Superseded, reason))
        }
        _ if champion.activation.pinned => {
            Some((TrainingOutcome::Pinned, format!("{live} is pinned")))
        }
        _ => None,
    }
}

/// The last final entry on the same trigger, unless the cause overrides earlier decisions.
fn final_entry<'a>(same_trigger: &'a [LogEntry], cause: &Cause) -> Option<&'a LogEntry> {
    let trigger = cause.trigger.as_ref()?;
    let counts = trigger.is_identified() && !cause.forced;
    same_trigger
        .iter()
        .rfind(|entry| counts && entry.is_final())
}

fn answered_before(earlier: &LogEntry) -> String {
    let LogEntry {
        sequence, outcome, ..
    } = earlier;
    format!("the trigger was answered before: `{outcome}` by decision {sequence}")
}

/// The next entry of the log.
fn entry(
    version: &str,
    cause: &Cause,
    state: &LogState,
    now: EventTime,
    (outcome, reason): (TrainingOutcome, String),
) -> LogEntry {
    LogEntry {
        sequence: state.sequence + 1,
        model_version: version.to_owned(),
        outcome,
        time: now,
        cause: cause.clone(),
        forced: cause.forced,
        pinned: false,
        gate: None,
        reason,
    }
}

/// The champion's mean absolute relative error on a version's rows.
fn champion_error(champion: &LiveModel, version: &Version) -> Result<f64, String> {
    let table = features::table(&version.training_rows).map_err(|error| error.to_string())?;
    let error = champion.info.model.error_on(&table);
    error.map_err(|error| error.to_string())
}
