//! Decisions: each is an insert of the next number into the log, and is taken again, on what is live
//! then, where another replica was faster.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pipeline::EventTime;

use super::{Life, State};
use crate::cause::Cause;
use crate::decision::{Decision, Gate, MARGIN, Verdict};
use crate::features;
use crate::live::LiveModel;
use crate::store::StoreError;
use crate::version::{Version, VersionInfo};

/// Entries about one version beyond which triggers that change nothing get no entry of their own:
/// while one version is held, the log must not grow without end. As many are looked at: what came
/// before them are such triggers too, or one of them settles what those settled.
const MAX_ENTRIES: u32 = 1_000;

/// How a version that is to be decided on came to be in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    /// It was stored just now.
    Now,
    /// It was there already.
    Before,
    /// It was left there undecided, some time ago.
    LeftBehind,
}

impl Life {
    /// The answer to a call that must change nothing, before anything is trained; none where it is
    /// to be trained. The log keeps it, once for each trigger.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn dismiss(&self, cause: &Cause) -> Result<Option<Decision>, StoreError> {
        loop {
            let state = self.follow().await?;
            let Some(live) = state.live() else {
                return Ok(None);
            };
            let earlier = self.caused_by(cause).await?;
            let Some((verdict, reason)) = state.dismissal(cause.trigger.as_ref()) else {
                let settled = settlement(&earlier, cause);
                return Ok(settled.map(|settled| {
                    let outcome = (Verdict::Unchanged, answered_by(settled));
                    entry(&settled.model_version, cause, &state, outcome)
                }));
            };
            let entry = entry(live, cause, &state, (verdict, reason));
            let is_news = cause.trigger.is_some() && earlier.is_empty();
            if !is_news || self.is_full(live).await? || self.store.append(&entry).await? {
                return Ok(Some(entry));
            }
        }
    }

    /// The last entries on a version.
    async fn last_entries(&self, version: &str) -> Result<Vec<Decision>, StoreError> {
        self.store.decisions_on(&[version], MAX_ENTRIES).await
    }

    /// Whether a trigger that changes nothing gets no entry on a version any more.
    async fn is_full(&self, version: &str) -> Result<bool, StoreError> {
        Ok(self.last_entries(version).await?.len() >= MAX_ENTRIES as usize)
    }

    /// The decisions that a cause's trigger led to before. Fish may be numbered from 1 again, and a
    /// version come back: another mean error is another window.
    async fn caused_by(&self, cause: &Cause) -> Result<Vec<Decision>, StoreError> {
        let Some(trigger) = &cause.trigger else {
            return Ok(Vec::new());
        };
        let mut decisions = self.store.decisions_caused_by(trigger).await?;
        decisions.retain(|one| {
            let earlier = one.cause.trigger.as_ref();
            earlier.is_some_and(|earlier| earlier.error_avg == trigger.error_avg)
        });
        Ok(decisions)
    }

    /// Stores a version and decides on it. Where it was decided on before, the answer is
    /// `unchanged`, and the log keeps that, once for each trigger.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn introduce(&self, version: &Version) -> Result<Decision, StoreError> {
        let stored = if self.store.insert_version(version).await? {
            self.grown.store(true, Ordering::Relaxed);
            Stored::Now
        } else {
            Stored::Before
        };
        self.decide(version, stored).await
    }

    /// Decides on a stored version.
    async fn decide(&self, version: &Version, stored: Stored) -> Result<Decision, StoreError> {
        let info = &version.info;
        let forced = info.cause.forced;
        let mut attempted = None;
        loop {
            let state = self.follow().await?;
            // After the log's end was read: what is appended from now on makes ours fail.
            let mut entries = self.last_entries(&info.model_version).await?;
            if !entries.is_empty() {
                // The last may have been made a moment ago.
                self.follow().await?;
            }
            let by_another = |one: &Decision| {
                let same_cause = one.cause.trigger == info.cause.trigger;
                let overrides = one.forced || !forced;
                stored == Stored::Now && one.time >= info.trained && overrides && same_cause
            };
            if let Some(at) = entries.iter().position(|one| {
                // The log has what was attempted, although the answer to that was lost; or another
                // replica, at its start, was faster to decide on what this one just stored.
                attempted.as_ref() == Some(one) || by_another(one)
            }) {
                return Ok(entries.swap_remove(at));
            }
            let earlier = self.caused_by(&info.cause).await?;
            let again = forced && state.live() != Some(&info.model_version);
            let decision =
                if again || state.champion.is_none() || !entries.iter().any(Decision::settles) {
                    judge(version, &state, stored, settlement(&earlier, &info.cause))
                } else {
                    let reason = "these rows have been decided on before";
                    about(version, &state, (Verdict::Unchanged, reason.to_owned()))
                };
            let is_news = info.cause.trigger.is_some() && !earlier.iter().any(Decision::settles);
            let is_kept = entries.is_empty() || (is_news && entries.len() < MAX_ENTRIES as usize);
            if decision.verdict == Verdict::Unchanged && !is_kept {
                return Ok(decision);
            }
            if self.append(&decision, version).await? {
                // One that was there before may have been trained for another cause.
                let in_hand = (stored != Stored::Before).then_some(info);
                self.took_effect(in_hand).await;
                return Ok(decision);
            }
            attempted = Some(decision);
        }
    }

    /// Makes a stored version live because someone asks for it; none where there is no such
    /// version. One call is one entry, whatever else goes live right after it.
    ///
    /// # Errors
    /// Those of the store; the log has no entry then, or its answer was lost.
    pub async fn activate(
        &self,
        id: &str,
        pinned: bool,
    ) -> Result<Option<Arc<LiveModel>>, StoreError> {
        loop {
            let state = self.follow().await?;
            let live = state.champion.filter(|live| {
                let is_asked_for =
                    live.info.model_version == id && live.activation.pinned == pinned;
                is_asked_for && !state.stands_in
            });
            if let Some(live) = live {
                return Ok(Some(live));
            }
            let Some(version) = self.store.version(id).await? else {
                return Ok(None);
            };
            let decision = Decision {
                sequence: state.sequence + 1,
                model_version: id.to_owned(),
                verdict: Verdict::Activated,
                time: EventTime::now(),
                cause: Cause::of(None),
                forced: false,
                pinned,
                gate: None,
                reason: if pinned {
                    "asked for, and pinned"
                } else {
                    "asked for"
                }
                .into(),
            };
            // The log must not name what is not stored, also where the process ends right after it.
            self.store.insert_version(&version).await?;
            // Where the answer to an append was lost, the log has it although its number is taken.
            if self.append(&decision, &version).await?
                || self.last_entries(id).await?.contains(&decision)
            {
                self.took_effect(Some(&version.info)).await;
                return Ok(Some(Arc::new(LiveModel::new(version.info, decision))));
            }
        }
    }

    /// Appends a decision on a version, which is stored; false where the number is taken. Another
    /// replica may have forgotten the version since it was looked for: what goes live is stored
    /// again.
    pub(super) async fn append(
        &self,
        decision: &Decision,
        version: &Version,
    ) -> Result<bool, StoreError> {
        let appended = self.store.append(decision).await?;
        if appended
            && decision.activates()
            && let Err(error) = self.store.insert_version(version).await
        {
            tracing::error!(
                %error,
                version = decision.model_version,
                "a version went live, but whether it is still stored is not known"
            );
        }
        Ok(appended)
    }

    /// After a decision of this replica: follows the log. Where that fails, the decision stands
    /// nevertheless, and the next read of the log makes it live here.
    async fn took_effect(&self, in_hand: Option<&VersionInfo>) {
        if let Err(error) = self.follow_with(in_hand).await {
            tracing::warn!(%error, "a decision is in the log, which could not be read back yet");
        }
    }

    /// Decides on the versions that were stored and then left undecided, because the process ended
    /// in between.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn mend(&self) -> Result<(), StoreError> {
        for id in self.store.undecided_versions().await? {
            if let Some(version) = self.store.version(&id).await? {
                let decided = self.decide(&version, Stored::LeftBehind).await?;
                tracing::warn!(
                    version = id,
                    verdict = %decided.verdict,
                    reason = decided.reason,
                    "an unfinished decision is finished"
                );
            }
        }
        Ok(())
    }
}

/// The decision that settled a cause before, if one did and is not to be overridden.
fn settlement<'a>(earlier: &'a [Decision], cause: &Cause) -> Option<&'a Decision> {
    let trigger = cause.trigger.as_ref()?;
    let counts = trigger.is_identified() && !cause.forced;
    earlier.iter().rfind(|one| counts && one.settles())
}

fn answered_by(earlier: &Decision) -> String {
    let Decision {
        sequence, verdict, ..
    } = earlier;
    format!("the trigger was answered before: `{verdict}` by decision {sequence}")
}

/// An entry on a version, after a state.
fn entry(
    version: &str,
    cause: &Cause,
    state: &State,
    (verdict, reason): (Verdict, String),
) -> Decision {
    Decision {
        sequence: state.sequence + 1,
        model_version: version.to_owned(),
        verdict,
        time: EventTime::now(),
        cause: cause.clone(),
        forced: cause.forced,
        pinned: false,
        gate: None,
        reason,
    }
}

/// An entry on a version for what it was trained for.
fn about(version: &Version, state: &State, outcome: (Verdict, String)) -> Decision {
    let info = &version.info;
    entry(&info.model_version, &info.cause, state, outcome)
}

/// What is to be decided on a version in a state; `settled` is what settled its cause before.
fn judge(version: &Version, state: &State, stored: Stored, settled: Option<&Decision>) -> Decision {
    let decision = |verdict, reason: String| about(version, state, (verdict, reason));
    let info = &version.info;
    let Some(champion) = &state.champion else {
        return decision(Verdict::Activated, "nothing was live".into());
    };
    if let Some((verdict, reason)) = state.dismissal(info.cause.trigger.as_ref()) {
        return decision(verdict, reason);
    }
    if let Some(settled) = settled {
        return decision(Verdict::Unchanged, answered_by(settled));
    }
    if stored == Stored::LeftBehind && champion.activation.time > info.trained {
        let live = &champion.info.model_version;
        let reason = format!("{live} went live after it was trained");
        return decision(Verdict::Superseded, reason);
    }
    let champion_error = match champion_error(champion, version) {
        Ok(error) => error,
        // Of another formula, or of values beyond all measure: these rows' own model is better.
        Err(fault) => {
            let reason = format!("the live model cannot be measured on these rows: {fault}");
            return decision(Verdict::Activated, reason);
        }
    };
    let gate = Gate {
        champion: champion.info.model_version.clone(),
        loo_error: info.loo_error,
        champion_error,
        margin: MARGIN,
    };
    let (verdict, reason) = match (gate.passed(), info.cause.forced) {
        (true, _) => (Verdict::Activated, "passed the gate"),
        (false, true) => (Verdict::Activated, "forced past the gate"),
        (false, false) => (
            Verdict::Rejected,
            "worse than the champion by more than the margin",
        ),
    };
    Decision {
        gate: Some(gate),
        ..decision(verdict, reason.to_owned())
    }
}

/// The champion's mean absolute relative error on a version's rows.
fn champion_error(champion: &LiveModel, version: &Version) -> Result<f64, String> {
    let table = features::table(&version.training_rows).map_err(|error| error.to_string())?;
    let error = champion.info.model.error_on(&table);
    error.map_err(|error| error.to_string())
}
