//! Decisions: each is an insert of the next number into the log, and is taken again, on what is live
//! then, where another replica was faster.

use std::sync::Arc;

use messages::EventTime;

use super::{Life, State};
use crate::cause::Cause;
use crate::decision::{Decision, Gate, MARGIN, Verdict};
use crate::features;
use crate::live::LiveModel;
use crate::store::StoreError;
use crate::version::Version;

/// Entries about one version beyond which triggers that change nothing get no entry of their own:
/// while one version is held, the log and the history's answers must not grow without end.
const MAX_ENTRIES: usize = 1_000;

impl Life {
    /// The answer to a call that must change nothing, before anything is trained; none where it is
    /// to be trained. The log keeps it, once for each trigger.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn dismiss(
        &self,
        cause: &Cause,
        forced: bool,
    ) -> Result<Option<Decision>, StoreError> {
        loop {
            let state = self.follow().await?;
            let (Some((verdict, reason)), Some(live)) =
                (state.dismissal(cause.trigger.as_ref()), state.live())
            else {
                return Ok(None);
            };
            let entry = Decision {
                sequence: state.sequence + 1,
                model_version: live.to_owned(),
                verdict,
                time: EventTime::now(),
                cause: cause.clone(),
                forced,
                pinned: false,
                gate: None,
                reason,
            };
            let entries = self.store.decisions_on(&[live]).await?;
            if !is_news(&entries, cause) || self.store.append(&entry).await? {
                return Ok(Some(entry));
            }
        }
    }

    /// Stores a version and decides on it. Where it was decided on before, the answer is
    /// `unchanged`, and the log keeps that, once for each trigger.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn introduce(&self, version: &Version, forced: bool) -> Result<Decision, StoreError> {
        let new = self.store.insert_version(version).await?;
        self.decide(version, new, forced).await
    }

    /// Decides on a stored version.
    async fn decide(
        &self,
        version: &Version,
        new: bool,
        forced: bool,
    ) -> Result<Decision, StoreError> {
        let info = &version.info;
        let mut attempted = None;
        loop {
            let state = self.follow().await?;
            // After the log's end was read: what is appended from now on makes ours fail.
            let mut entries = self.store.decisions_on(&[&info.model_version]).await?;
            if !entries.is_empty() {
                // The last may have been made a moment ago.
                self.follow().await?;
            }
            if let Some(at) = entries.iter().position(|one| {
                // The log has what was attempted, although the answer to that was lost; or another
                // replica, at its start, was faster to decide on what this one just stored.
                attempted.as_ref() == Some(one) || (new && !forced && one.time >= info.trained)
            }) {
                return Ok(entries.swap_remove(at));
            }
            let again = forced && state.live() != Some(&info.model_version);
            let decision = if entries.is_empty() || again {
                judge(version, &state, forced)
            } else {
                unchanged(version, &state, forced)
            };
            if decision.verdict == Verdict::Unchanged && !is_news(&entries, &decision.cause) {
                return Ok(decision);
            }
            if self.append(&decision, version).await? {
                self.took_effect().await;
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
            let live = state.champion.filter(|live| live.info.model_version == id);
            if let Some(live) = live.filter(|live| live.activation.pinned == pinned) {
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
            // Where the answer to an append was lost, the log has it although its number is taken.
            if self.append(&decision, &version).await?
                || self.store.decisions_on(&[id]).await?.contains(&decision)
            {
                self.took_effect().await;
                return Ok(Some(Arc::new(LiveModel::new(version.info, decision))));
            }
        }
    }

    /// Appends a decision on a version; false where the number is taken. Another replica may have
    /// forgotten the version since it was looked for: what goes live is stored again.
    pub(super) async fn append(
        &self,
        decision: &Decision,
        version: &Version,
    ) -> Result<bool, StoreError> {
        let appended = self.store.append(decision).await?;
        if appended
            && decision.verdict == Verdict::Activated
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
    async fn took_effect(&self) {
        if let Err(error) = self.follow().await {
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
                let decided = self.decide(&version, false, false).await?;
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

/// Whether the log's entries on a version lack one that says what became of the cause's trigger.
fn is_news(entries: &[Decision], cause: &Cause) -> bool {
    let Some(trigger) = &cause.trigger else {
        return false;
    };
    let mut triggers = entries.iter().filter_map(|one| one.cause.trigger.as_ref());
    entries.len() < MAX_ENTRIES && !triggers.any(|one| one.is_redelivery_of(trigger))
}

/// An entry on a version after a state.
fn entry(
    version: &Version,
    state: &State,
    forced: bool,
    (verdict, reason): (Verdict, String),
) -> Decision {
    Decision {
        sequence: state.sequence + 1,
        model_version: version.info.model_version.clone(),
        verdict,
        time: EventTime::now(),
        cause: version.info.cause.clone(),
        forced,
        pinned: false,
        gate: None,
        reason,
    }
}

/// That a version was decided on before.
fn unchanged(version: &Version, state: &State, forced: bool) -> Decision {
    let reason = "these rows have been decided on before";
    entry(
        version,
        state,
        forced,
        (Verdict::Unchanged, reason.to_owned()),
    )
}

/// What is to be decided on a version in a state.
fn judge(version: &Version, state: &State, forced: bool) -> Decision {
    let decision = |verdict, reason: String| entry(version, state, forced, (verdict, reason));
    let info = &version.info;
    let Some(champion) = &state.champion else {
        return decision(Verdict::Activated, "nothing was live".into());
    };
    if let Some((verdict, reason)) = state.dismissal(info.cause.trigger.as_ref()) {
        return decision(verdict, reason);
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
    let (verdict, reason) = match (gate.passed(), forced) {
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
