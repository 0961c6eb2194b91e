//! Decides and appends to the log. Retries if another replica appends the same sequence number first.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pipeline::EventTime;

use super::decide::{self, Action, Log, MAX_ENTRIES, Origin};
use super::{LogState, ModelRegistry};
use crate::cause::Cause;
use crate::live::LiveModel;
use crate::log_entry::LogEntry;
use crate::store::StoreError;
use crate::version::{Version, VersionInfo};

/// The question to decide.
#[derive(Clone, Copy)]
enum Question<'a> {
    /// Whether a call for training has an answer without training.
    Train(&'a Cause),
    /// What happens to a trigger whose rows cannot be fitted, for this reason.
    NotTrainable(&'a Cause, &'a str),
    /// What happens to a stored version.
    Submit(&'a Version, Origin),
    /// The activation of a stored version that a client requests.
    Activate { version: &'a Version, pinned: bool },
}

impl ModelRegistry {
    /// The answer to a call for training if it must not change anything; `None` if the caller must
    /// train. The log records the answer once per trigger.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn answer_without_training(
        &self,
        cause: &Cause,
    ) -> Result<Option<LogEntry>, StoreError> {
        self.decide_and_append(Question::Train(cause)).await
    }

    /// Records that no model can be fitted to the rows of a trigger, so that the trigger is decided; `None`
    /// if no version is live.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn not_trainable(
        &self,
        cause: &Cause,
        reason: &str,
    ) -> Result<Option<LogEntry>, StoreError> {
        self.decide_and_append(Question::NotTrainable(cause, reason))
            .await
    }

    /// Stores a version and decides whether it goes live. If there already is a decision on it, the
    /// outcome is `unchanged`, which the log records once per trigger.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn submit(&self, version: &Version) -> Result<LogEntry, StoreError> {
        let origin = if self.store.insert_version(version).await? {
            self.may_prune.store(true, Ordering::Relaxed);
            Origin::New
        } else {
            Origin::Existing
        };
        self.decide_version(version, origin).await
    }

    /// Decides on versions that were stored but not decided on because a process stopped in between.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn decide_pending(&self) -> Result<(), StoreError> {
        for id in self.store.undecided_versions().await? {
            if let Some(version) = self.store.version(&id).await? {
                let entry = self.decide_version(&version, Origin::LeftBehind).await?;
                tracing::warn!(
                    version = id,
                    verdict = %entry.outcome,
                    reason = entry.reason,
                    "decided on a version that an earlier process left undecided"
                );
            }
        }
        Ok(())
    }

    async fn decide_version(
        &self,
        version: &Version,
        origin: Origin,
    ) -> Result<LogEntry, StoreError> {
        let decided = self
            .decide_and_append(Question::Submit(version, origin))
            .await?;
        decided.ok_or_else(|| StoreError::Failed("no decision on a version".into()))
    }

    /// Makes a stored version live at a client's request; `None` if there is no such version. One
    /// call appends one entry, even if another version goes live right after it. Appends nothing if
    /// the version is already live with the same `pinned`.
    ///
    /// # Errors
    /// Those of the store. In that case the log has no entry, or the response to the append was lost.
    pub async fn activate(
        &self,
        id: &str,
        pinned: bool,
    ) -> Result<Option<Arc<LiveModel>>, StoreError> {
        if let Some(live) = decide::live_as(&self.sync().await?, id, pinned) {
            return Ok(Some(Arc::clone(live)));
        }
        let Some(version) = self.store.version(id).await? else {
            return Ok(None);
        };
        let question = Question::Activate {
            version: &version,
            pinned,
        };
        let entry = self.decide_and_append(question).await?;
        Ok(entry.map(|entry| Arc::new(LiveModel::new(version.info, entry))))
    }

    /// Decides a question on the state at the end of the log, and appends the resulting entry, if any.
    /// If another replica appends first, decides again on the new state.
    async fn decide_and_append(
        &self,
        question: Question<'_>,
    ) -> Result<Option<LogEntry>, StoreError> {
        let mut attempted = None;
        loop {
            let state = self.sync().await?;
            let entry = match self.decide(question, &state, attempted.as_ref()).await? {
                Action::Train => return Ok(None),
                Action::Answer(entry) => return Ok(Some(entry)),
                Action::Append(entry) => entry,
            };
            let (version, cached) = match question {
                Question::Train(_) | Question::NotTrainable(..) => (None, None),
                // The stored version may have been trained for another cause.
                Question::Submit(version, Origin::Existing) => (Some(version), None),
                Question::Submit(version, _) | Question::Activate { version, .. } => {
                    (Some(version), Some(&version.info))
                }
            };
            if self.append(&entry, version).await? {
                if version.is_some() {
                    self.sync_after_append(cached).await;
                }
                return Ok(Some(entry));
            }
            attempted = Some(entry);
        }
    }

    /// Reads the log entries that a question depends on, and decides.
    async fn decide(
        &self,
        question: Question<'_>,
        state: &LogState,
        attempted: Option<&LogEntry>,
    ) -> Result<Action, StoreError> {
        let now = EventTime::now();
        match question {
            Question::Train(cause) | Question::NotTrainable(cause, _) => {
                let same_cause = self.caused_by(cause).await?;
                let mut action = decide::before_training(state, cause, &same_cause, now);
                if let (Action::Train, Question::NotTrainable(_, reason)) = (&action, question) {
                    action = decide::not_trainable(state, cause, &same_cause, reason, now);
                }
                Ok(match action {
                    Action::Append(entry) if self.is_full(&entry.model_version).await? => {
                        Action::Answer(entry)
                    }
                    action => action,
                })
            }
            Question::Submit(version, origin) => {
                // Read after `state`: if another replica has appended since, this append fails.
                let on_version = self.last_entries(&version.info.model_version).await?;
                if !on_version.is_empty() {
                    // The last entry may be newer than `state`. The live model must reflect it.
                    self.sync().await?;
                }
                let log = Log {
                    on_version: &on_version,
                    same_cause: &self.caused_by(&version.info.cause).await?,
                    attempted,
                };
                Ok(decide::on_version(state, version, origin, log, now))
            }
            Question::Activate { version, pinned } => {
                let id = &version.info.model_version;
                if let Some(entry) = attempted
                    && self.last_entries(id).await?.contains(entry)
                {
                    // The append succeeded, but its response was lost.
                    return Ok(Action::Answer(entry.clone()));
                }
                let action = decide::activation(state, id, pinned, now);
                if matches!(action, Action::Append(_)) {
                    // The log must not name a version that is not stored.
                    self.store.insert_version(version).await?;
                }
                Ok(action)
            }
        }
    }

    /// The last entries on a version.
    async fn last_entries(&self, version: &str) -> Result<Vec<LogEntry>, StoreError> {
        self.store.entries_on(&[version], MAX_ENTRIES).await
    }

    /// Whether the log has so many entries on a version that triggers without effect are no longer
    /// recorded.
    async fn is_full(&self, version: &str) -> Result<bool, StoreError> {
        Ok(self.last_entries(version).await?.len() >= MAX_ENTRIES as usize)
    }

    /// The entries with the same trigger or refinement as cause. Keys may restart at 1 and a version may
    /// become live again, so a different mean error means a different window.
    async fn caused_by(&self, cause: &Cause) -> Result<Vec<LogEntry>, StoreError> {
        if let Some(refinement) = cause.refinement {
            let mut entries = self.store.entries_after(refinement.activation).await?;
            entries.retain(|entry| entry.cause.refinement == cause.refinement);
            return Ok(entries);
        }
        let Some(trigger) = &cause.trigger else {
            return Ok(Vec::new());
        };
        let mut entries = self.store.entries_caused_by(trigger).await?;
        entries.retain(|entry| {
            let earlier = entry.cause.trigger.as_ref();
            earlier.is_some_and(|earlier| earlier.error_avg() == trigger.error_avg())
        });
        Ok(entries)
    }

    /// Appends an entry; false if its sequence number is taken. Then stores the version of an
    /// activation again, because another replica may have deleted it in the meantime.
    pub(super) async fn append(
        &self,
        entry: &LogEntry,
        version: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let appended = self.store.append(entry).await?;
        if let Some(version) = version
            && appended
            && entry.activates()
            && let Err(error) = self.store.insert_version(version).await
        {
            tracing::error!(
                %error,
                version = entry.model_version,
                "a version went live, but the store may no longer contain it"
            );
        }
        Ok(appended)
    }

    /// Reads the log after an append. If that fails, the decision remains valid, and the next sync
    /// applies it here.
    async fn sync_after_append(&self, cached: Option<&VersionInfo>) {
        if let Err(error) = self.sync_with(cached).await {
            tracing::warn!(%error, "a decision is in the log, but reading it back failed");
        }
    }
}
