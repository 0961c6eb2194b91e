//! Pure functions from the state and the log to the next log entry.

use std::sync::Arc;

use pipeline::EventTime;

use super::LogState;
use crate::cause::Cause;
use crate::features;
use crate::live::LiveModel;
use crate::log_entry::{GateCheck, LogEntry, MARGIN, TrainingOutcome};
use crate::version::Version;

/// The number of entries on one version after which triggers without effect are no longer recorded,
/// so that the log stays bounded while a version is pinned. Also the number of entries read: older
/// entries are such triggers too, or a later entry is final for the same cause.
pub(super) const MAX_ENTRIES: u32 = 1_000;

/// How the version to decide on came into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This call inserted it.
    New,
    /// It existed before this call.
    Existing,
    /// An earlier process inserted it and stopped before the decision.
    LeftBehind,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Train a version, then decide on it.
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
    /// The entries with the same trigger or refinement as cause.
    pub(super) same_cause: &'a [LogEntry],
    /// The entry that this call failed to append before.
    pub(super) attempted: Option<&'a LogEntry>,
}

/// Decides on a call for training, before anything is trained.
pub(super) fn before_training(
    state: &LogState,
    cause: &Cause,
    same_cause: &[LogEntry],
    now: EventTime,
) -> Action {
    let Some(live) = state.live_version() else {
        return Action::Train;
    };
    if let Some(outcome) = refusal(state, cause) {
        let entry = entry(live, cause, state, now, outcome);
        return if cause.trigger.is_some() && same_cause.is_empty() {
            Action::Append(entry)
        } else {
            Action::Answer(entry)
        };
    }
    match final_entry(same_cause, cause) {
        Some(earlier) => {
            let outcome = (TrainingOutcome::Unchanged, answered_before(earlier));
            Action::Answer(entry(&earlier.model_version, cause, state, now, outcome))
        }
        None => Action::Train,
    }
}

/// Decides on a trigger whose rows cannot be fitted. [`Action::Train`] if no version is live, because the
/// log has no version then that the entry could be about.
pub(super) fn not_trainable(
    state: &LogState,
    cause: &Cause,
    same_cause: &[LogEntry],
    reason: &str,
    now: EventTime,
) -> Action {
    let Some(live) = state.live_version() else {
        return Action::Train;
    };
    let outcome = (TrainingOutcome::NotTrainable, reason.to_owned());
    let entry = entry(live, cause, state, now, outcome);
    if same_cause.iter().any(LogEntry::is_final) {
        Action::Answer(entry)
    } else {
        Action::Append(entry)
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
    // A starting replica may be the first to decide on the version that this call has inserted.
    let decides_this_call = |entry: &&LogEntry| {
        origin == Origin::New
            && entry.time >= info.trained
            && (entry.forced || !forced)
            && entry.cause.trigger == info.cause.trigger
            && entry.cause.refinement == info.cause.refinement
    };
    // If an append succeeds but its response is lost, the retry finds the entry in the log.
    let own = |entry: &&LogEntry| log.attempted == Some(*entry) || decides_this_call(entry);
    if let Some(entry) = log.on_version.iter().find(own) {
        return Action::Answer(entry.clone());
    }

    let force_again = forced && state.live_version() != Some(&info.model_version);
    let is_decided = log.on_version.iter().any(LogEntry::is_final);
    let entry = if force_again || state.champion.is_none() || !is_decided {
        judge(state, version, origin, log.same_cause, now)
    } else {
        let reason = "there already is a decision on these rows".to_owned();
        let outcome = (TrainingOutcome::Unchanged, reason);
        entry(&info.model_version, &info.cause, state, now, outcome)
    };

    let new_cause = info.cause.is_automatic() && !log.same_cause.iter().any(LogEntry::is_final);
    let has_room = log.on_version.len() < MAX_ENTRIES as usize;
    let is_recorded = log.on_version.is_empty() || (new_cause && has_room);
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
    let is_requested = champion.info.model_version == id && champion.activation.pinned == pinned;
    (is_requested && !state.is_fallback).then_some(champion)
}

/// The outcome of a version that is new to the log.
fn judge(
    state: &LogState,
    version: &Version,
    origin: Origin,
    same_cause: &[LogEntry],
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
    if let Some((outcome, reason)) = refusal(state, &info.cause) {
        return decided(outcome, reason);
    }
    if let Some(earlier) = final_entry(same_cause, &info.cause) {
        return decided(TrainingOutcome::Unchanged, answered_before(earlier));
    }
    if origin == Origin::LeftBehind && champion.activation.time > info.trained {
        let live = &champion.info.model_version;
        let reason = format!("{live} went live after this version was trained");
        return decided(TrainingOutcome::Superseded, reason);
    }
    let from = first_compared(state, champion, version);
    let rows = &version.training_rows[from..];
    let champion_error = match features::error_on(state.definition, &champion.info.model, rows) {
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
        loo_error: match from {
            0 => info.loo_error,
            _ => features::left_out_error(state.definition, version, from),
        },
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

/// The first training row on which the two models are compared. With random intercepts and few rows of each level,
/// the champion's error on its own rows is much smaller than on others, so only newer rows count if there are enough.
fn first_compared(state: &LogState, champion: &LiveModel, version: &Version) -> usize {
    const ENOUGH: usize = 10;
    let rows = &version.training_rows;
    let newest = champion.info.last_row.as_ref();
    let newest = newest.filter(|_| state.definition.formula.group().is_some());
    let own = rows.iter().rposition(|row| Some(&row.row_id) == newest);
    own.map(|own| own + 1)
        .filter(|from| rows.len() - from >= ENOUGH)
        .unwrap_or(0)
}

/// Why a call must not change anything, regardless of the rows: the live version is not the one that its
/// cause is about, or it is pinned.
fn refusal(state: &LogState, cause: &Cause) -> Option<(TrainingOutcome, String)> {
    let champion = state.champion.as_ref()?;
    let live = &champion.info.model_version;
    let superseded = |reason: &str| {
        let reason = format!("{live} is live, {reason}");
        Some((TrainingOutcome::Superseded, reason))
    };
    let named = cause.trigger.as_ref().and_then(|one| one.model_version());
    if named.is_some_and(|named| named != live) {
        return superseded("not the version that the trigger names");
    }
    if champion.activation.pinned {
        return Some((TrainingOutcome::Pinned, format!("{live} is pinned")));
    }
    let refined = cause.refinement.map(|one| one.activation);
    let is_live = champion.activation.refined_activation() == refined && !state.is_fallback;
    if refined.is_some() && !is_live {
        return superseded("not the version to refine");
    }
    None
}

/// The last final entry on the same trigger or refinement, unless the cause overrides earlier decisions.
fn final_entry<'a>(same_cause: &'a [LogEntry], cause: &Cause) -> Option<&'a LogEntry> {
    let is_identified = match &cause.trigger {
        Some(trigger) => trigger.is_identified(),
        None => cause.refinement.is_some(),
    };
    let counts = is_identified && !cause.forced;
    same_cause.iter().rfind(|entry| counts && entry.is_final())
}

fn answered_before(earlier: &LogEntry) -> String {
    let LogEntry {
        sequence, outcome, ..
    } = earlier;
    let cause = match earlier.cause.refinement {
        Some(_) => "refinement",
        None => "trigger",
    };
    format!("the {cause} was answered before: `{outcome}` by decision {sequence}")
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

#[cfg(test)]
mod tests {
    use TrainingOutcome::{Activated, NotTrainable, Pinned, Rejected, Superseded, Unchanged};

    use pipeline::Definition;

    use super::*;
    use crate::cause::Trigger;
    use crate::test_versions::{rows, train, version};

    /// What the functions under test return: the kind of action, the outcome and part of the reason.
    type Expected = Option<(Kind, TrainingOutcome, &'static str)>;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Kind {
        Answer,
        Append,
    }
    use Kind::{Answer, Append};

    fn seconds(seconds: i64) -> EventTime {
        EventTime::from_millis(seconds * 1_000).unwrap()
    }

    /// The champion went live at 100 s, and the log has 7 entries. Versions are trained at 200 s and
    /// decided on at 300 s.
    fn live(pinned: bool) -> LogState {
        let activation = LogEntry {
            pinned,
            ..logged(7, Activated, None, false)
        };
        let info = version(1).info;
        LogState {
            sequence: 7,
            champion: Some(Arc::new(LiveModel::new(info, activation))),
            is_fallback: false,
            definition: Definition::shipped(),
        }
    }

    fn nothing_live() -> LogState {
        LogState {
            sequence: 0,
            champion: None,
            is_fallback: false,
            definition: Definition::shipped(),
        }
    }

    fn logged(
        sequence: u64,
        outcome: TrainingOutcome,
        trigger: Option<&Trigger>,
        forced: bool,
    ) -> LogEntry {
        let cause = Cause::of(trigger.cloned()).forced(forced);
        LogEntry {
            time: seconds(100),
            sequence,
            ..entry(
                "v",
                &cause,
                &nothing_live(),
                seconds(100),
                (outcome, String::new()),
            )
        }
    }

    fn trigger(version: &str) -> Trigger {
        let body =
            format!(r#"{{"ModelVersion":"{version}","Fish_Id_Start":"1","Fish_Id_End":"20"}}"#);
        Trigger::from_body(Definition::shipped(), body.as_bytes()).unwrap()
    }

    /// A version that passes the gate, or one that fails it because of an outlier.
    fn candidate(passes: bool, trigger: Option<&Trigger>, forced: bool) -> Version {
        let mut rows = rows(31);
        if !passes {
            rows[20].numbers[0] += 400.0;
        }
        let mut version = train(rows);
        version.info.trained = seconds(200);
        version.info.cause = Cause::of(trigger.cloned()).forced(forced);
        version
    }

    #[track_caller]
    fn check(what: &str, action: Action, expected: Expected) {
        let (kind, entry) = match action {
            Action::Train => return assert_eq!(expected, None, "{what}"),
            Action::Answer(entry) => (Answer, entry),
            Action::Append(entry) => (Append, entry),
        };
        let Some((expected_kind, outcome, reason)) = expected else {
            panic!("{what}: {entry:?}");
        };
        assert_eq!((kind, entry.outcome), (expected_kind, outcome), "{what}");
        assert!(entry.reason.contains(reason), "{what}: {}", entry.reason);
    }

    #[test]
    fn a_training_call_may_be_answered_without_training() {
        let live_id = version(1).info.model_version;
        let (current, stale) = (trigger(&live_id), trigger("stale"));
        let anonymous = Trigger::from_body(Definition::shipped(), br#"{"Fish_Id_End":"20"}"#);
        let anonymous = anonymous.unwrap();
        let rejected = [logged(3, Rejected, Some(&current), false)];
        let pinned = [logged(3, Pinned, Some(&current), false)];
        let superseded = [logged(3, Superseded, Some(&stale), false)];
        let none: &[LogEntry] = &[];
        let answered = "`rejected` by decision 3";
        #[rustfmt::skip]
        let table = [
            ("nothing live", nothing_live(), Some(&stale), false, none, None),
            ("request", live(false), None, false, none, None),
            ("new trigger", live(false), Some(&current), false, none, None),
            ("trigger without a version", live(false), Some(&anonymous), false, none, None),
            ("repeated", live(false), Some(&current), false, &rejected[..], Some((Answer, Unchanged, answered))),
            ("repeated, forced", live(false), Some(&current), true, &rejected[..], None),
            ("repeated without a window", live(false), Some(&anonymous), false, &rejected[..], None),
            ("pinned before", live(false), Some(&current), false, &pinned[..], None),
            ("stale", live(false), Some(&stale), false, none, Some((Append, Superseded, "not the version"))),
            ("stale again", live(false), Some(&stale), false, &superseded[..], Some((Answer, Superseded, "not the version"))),
            ("stale while pinned", live(true), Some(&stale), false, none, Some((Append, Superseded, "not the version"))),
            ("pinned", live(true), Some(&current), false, none, Some((Append, Pinned, "is pinned"))),
            ("pinned again", live(true), Some(&current), true, &pinned[..], Some((Answer, Pinned, "is pinned"))),
            ("request while pinned", live(true), None, true, none, Some((Answer, Pinned, "is pinned"))),
        ];
        for (what, state, trigger, forced, same_cause, expected) in table {
            let cause = Cause::of(trigger.cloned()).forced(forced);
            let action = before_training(&state, &cause, same_cause, seconds(300));
            check(what, action, expected);
        }
    }

    #[test]
    fn a_trigger_that_cannot_be_trained_is_recorded_once() {
        let live_id = version(1).info.model_version;
        let trigger = trigger(&live_id);
        let cause = Cause::of(Some(trigger.clone()));
        let decide = |state: &LogState, same_cause: &[LogEntry]| {
            not_trainable(state, &cause, same_cause, "too few rows", seconds(300))
        };
        check("nothing live", decide(&nothing_live(), &[]), None);
        let expected = Some((Append, NotTrainable, "too few rows"));
        check("first", decide(&live(false), &[]), expected);
        let earlier = [logged(3, NotTrainable, Some(&trigger), false)];
        let expected = Some((Answer, NotTrainable, "too few rows"));
        check("again", decide(&live(false), &earlier), expected);
        // Redelivered without force, it is answered before anything is trained.
        let action = before_training(&live(false), &cause, &earlier, seconds(300));
        let expected = Some((Answer, Unchanged, "`not_trainable` by decision 3"));
        check("redelivered", action, expected);
    }

    #[test]
    fn every_version_has_one_outcome() {
        let live_id = version(1).info.model_version;
        let (current, stale) = (trigger(&live_id), trigger("stale"));
        let entries = |outcome| vec![logged(3, outcome, None, false)];
        let trigger_entries = |outcome| vec![logged(3, outcome, Some(&current), false)];
        let full = || vec![logged(3, Rejected, None, false); MAX_ENTRIES as usize];
        let none = Vec::new;
        let (current, stale, request) = (Some(&current), Some(&stale), None);
        let (decided, passed) = ("already is a decision", "passed the gate");
        let worse = "worse than the champion";
        let (new, existing, left) = (Origin::New, Origin::Existing, Origin::LeftBehind);
        // State, (passes the gate, trigger, forced), origin, entries on the version, entries of the
        // same trigger, expected.
        #[rustfmt::skip]
        let table = [
            ("first", nothing_live(), (true, request, false), new, none(), none(), (Append, Activated, "no version was live")),
            ("decided, nothing live", nothing_live(), (true, request, false), existing, entries(Rejected), none(), (Append, Activated, "no version was live")),
            ("better", live(false), (true, current, false), new, none(), none(), (Append, Activated, passed)),
            ("worse", live(false), (false, request, false), new, none(), none(), (Append, Rejected, worse)),
            ("worse, forced", live(false), (false, request, true), new, none(), none(), (Append, Activated, "forced past the gate")),
            ("stale trigger", live(false), (true, stale, false), new, none(), none(), (Append, Superseded, "not the version")),
            ("pinned", live(true), (true, current, false), new, none(), none(), (Append, Pinned, "is pinned")),
            ("pinned, forced", live(true), (true, request, true), new, none(), none(), (Append, Pinned, "is pinned")),
            ("same rows", live(false), (true, request, false), existing, entries(Rejected), none(), (Answer, Unchanged, decided)),
            ("same rows, new trigger", live(false), (true, current, false), existing, entries(Rejected), none(), (Append, Unchanged, decided)),
            ("same rows, full log", live(false), (true, current, false), existing, full(), none(), (Answer, Unchanged, decided)),
            ("same rows, old trigger", live(false), (true, current, false), existing, entries(Rejected), trigger_entries(Rejected), (Answer, Unchanged, decided)),
            ("same rows, forced", live(false), (false, request, true), existing, entries(Rejected), none(), (Append, Activated, "forced past the gate")),
            ("unpinned since", live(false), (true, current, false), existing, trigger_entries(Pinned), trigger_entries(Pinned), (Append, Activated, passed)),
            ("new rows, old trigger", live(false), (true, current, false), new, none(), trigger_entries(Activated), (Append, Unchanged, "`activated` by decision 3")),
            ("left behind", live(false), (true, request, false), left, none(), none(), (Append, Activated, passed)),
            ("left behind, worse, forced", live(false), (false, request, true), left, none(), none(), (Append, Activated, "forced past the gate")),
        ];
        for (what, state, (passes, trigger, forced), origin, on_version, same_cause, expected) in
            table
        {
            let version = candidate(passes, trigger, forced);
            let log = Log {
                on_version: &on_version,
                same_cause: &same_cause,
                attempted: None,
            };
            let action = super::on_version(&state, &version, origin, log, seconds(300));
            if let Action::Append(entry) = &action {
                assert_eq!(entry.sequence, state.sequence + 1, "{what}");
                assert_eq!(entry.model_version, version.info.model_version, "{what}");
                assert_eq!(entry.forced, forced, "{what}");
            }
            check(what, action, Some(expected));
        }
    }

    #[test]
    fn a_version_left_behind_does_not_replace_a_newer_one() {
        let mut version = candidate(true, None, false);
        version.info.trained = seconds(50);
        let log = Log {
            on_version: &[],
            same_cause: &[],
            attempted: None,
        };
        let state = live(false);
        let action = super::on_version(&state, &version, Origin::LeftBehind, log, seconds(300));
        check(
            "older",
            action,
            Some((Append, Superseded, "went live after")),
        );
        let action = super::on_version(&state, &version, Origin::New, log, seconds(300));
        check("new", action, Some((Append, Activated, "passed the gate")));
    }

    #[test]
    fn a_decision_already_in_the_log_is_returned() {
        let version = candidate(true, None, false);
        let forced = candidate(true, None, true);
        let of_this_call = LogEntry {
            time: seconds(200),
            ..logged(8, Activated, None, false)
        };
        let with_trigger = LogEntry {
            time: seconds(200),
            ..logged(8, Activated, Some(&trigger("v")), false)
        };
        let attempted = logged(8, Activated, Some(&trigger("v")), false);
        let decide = |version: &Version, origin, on_version: &LogEntry, attempted| {
            let log = Log {
                on_version: std::slice::from_ref(on_version),
                same_cause: &[],
                attempted,
            };
            super::on_version(&live(false), version, origin, log, seconds(300))
        };
        let new = Origin::New;
        let answer = |entry: &LogEntry| Action::Answer(entry.clone());
        // The response to the append was lost.
        let action = decide(&version, Origin::Existing, &attempted, Some(&attempted));
        assert_eq!(action, answer(&attempted));
        // Another replica decided first, when it started.
        assert_eq!(
            decide(&version, new, &of_this_call, None),
            answer(&of_this_call)
        );
        // The entry is of another call: it existed before, has another cause, or is not forced.
        let unchanged = Some((Answer, Unchanged, "already is a decision"));
        let action = decide(&version, Origin::Existing, &of_this_call, None);
        check("existing", action, unchanged);
        let action = decide(&version, new, &with_trigger, None);
        check("other cause", action, unchanged);
        let action = decide(&forced, new, &of_this_call, None);
        check(
            "not forced",
            action,
            Some((Append, Activated, "passed the gate")),
        );
    }

    #[test]
    fn an_activation_is_appended_unless_already_in_effect() {
        let id = version(1).info.model_version;
        let fallback = LogState {
            is_fallback: true,
            ..live(false)
        };
        for (what, state, id, pinned, expected) in [
            ("live", live(false), &*id, false, (Answer, Activated, "")),
            (
                "live and pinned",
                live(true),
                &id,
                true,
                (Answer, Activated, ""),
            ),
            ("pin", live(false), &id, true, (Append, Activated, "pinned")),
            (
                "unpin",
                live(true),
                &id,
                false,
                (Append, Activated, "requested"),
            ),
            (
                "other",
                live(true),
                "other",
                false,
                (Append, Activated, "requested"),
            ),
            (
                "fallback",
                fallback,
                &id,
                false,
                (Append, Activated, "requested"),
            ),
            (
                "nothing live",
                nothing_live(),
                &id,
                true,
                (Append, Activated, "pinned"),
            ),
        ] {
            let action = activation(&state, id, pinned, seconds(300));
            if let Action::Append(entry) = &action {
                assert_eq!(entry.pinned, pinned, "{what}");
            }
            check(what, action, Some(expected));
        }
    }
}
