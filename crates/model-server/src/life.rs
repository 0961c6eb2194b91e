//! What is live follows the log of decisions; a decision is made by appending to it.

use std::sync::Arc;
use std::time::Duration;

use messages::EventTime;
use tokio::sync::Mutex;

use crate::cause::{Cause, Trigger};
use crate::decision::{Decision, Gate, Verdict};
use crate::features;
use crate::live::{Live, LiveModel};
use crate::store::{MODELS, Store, StoreError};
use crate::version::{TrainError, Version};

/// By how much, relative to the champion's error, a challenger may be worse.
pub const MARGIN: f64 = 0.10;
/// Versions that were live within this time are not forgotten.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Activations that are looked at to find them.
const MAX_ACTIVATIONS: u32 = 10_000;

/// The models' life on one store, together with the other replicas on it.
#[derive(Clone, Debug)]
pub struct Life {
    store: Arc<dyn Store>,
    live: Live,
    /// The last sequence number that `live` takes into account.
    followed: Arc<Mutex<u64>>,
}

/// The state after the whole log.
#[derive(Clone, Debug)]
pub struct State {
    /// The log's last sequence number.
    pub sequence: u64,
    /// What is live.
    pub champion: Option<Arc<LiveModel>>,
}

impl State {
    /// Whether the trigger is about another version than the live one.
    pub fn supersedes(&self, trigger: Option<&Trigger>) -> bool {
        let erred = trigger.and_then(|trigger| trigger.model_version.as_deref());
        let live = self
            .champion
            .as_ref()
            .map(|live| live.info.model_version.as_str());
        erred.is_some() && erred != live
    }

    /// Whether the live version is held.
    pub fn pinned(&self) -> bool {
        self.champion
            .as_ref()
            .is_some_and(|live| live.activation.pinned)
    }
}

/// What became of a version.
#[derive(Clone, Debug, PartialEq)]
pub enum Decided {
    /// Decided now (or just now by another replica).
    Now(Box<Decision>),
    /// It had been decided before.
    Before,
}

impl Life {
    /// The life on `store`; nothing is live until [`follow`](Self::follow).
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            live: Live::default(),
            followed: Arc::default(),
        }
    }

    /// The slot that answers are given from.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Reads what the log has got since the last call, and makes live what it says.
    ///
    /// # Errors
    /// Those of the store; what was live stays.
    pub async fn follow(&self) -> Result<State, StoreError> {
        let mut followed = self.followed.lock().await;
        let (sequence, activation) = if *followed == 0 {
            // The log may be long: its end says what is live.
            let sequence = self.store.last_sequence().await?;
            (sequence, self.store.last_activations(1).await?.pop())
        } else {
            let news = self.store.decisions_after(*followed).await?;
            let sequence = news.last().map_or(*followed, |last| last.sequence);
            (
                sequence,
                news.into_iter()
                    .rfind(|entry| entry.verdict == Verdict::Activated),
            )
        };
        if let Some(activation) = activation {
            self.make_live(activation).await?;
        }
        *followed = sequence;
        Ok(State {
            sequence,
            champion: self.live.get(),
        })
    }

    async fn make_live(&self, activation: Decision) -> Result<(), StoreError> {
        let id = activation.model_version.clone();
        let version = self
            .store
            .version(&id)
            .await?
            .ok_or_else(|| StoreError::Corrupt {
                collection: MODELS,
                id,
                reason: "the log of decisions says that it is live, but it is not there".into(),
            })?;
        tracing::info!(
            version = version.info.model_version,
            rows = version.info.rows,
            sequence = activation.sequence,
            pinned = activation.pinned,
            "live model"
        );
        self.live
            .swap(Arc::new(LiveModel::new(version.info, activation)));
        Ok(())
    }

    /// Stores a version and decides on it.
    ///
    /// # Errors
    /// Those of the store; or the champion's error cannot be measured on the version's rows.
    pub async fn introduce(&self, version: &Version, forced: bool) -> Result<Decided, LifeError> {
        let new = self.store.insert_version(version).await?;
        self.decide(version, new, forced).await
    }

    /// Decides on a stored version: appends to the log, and again where another replica was
    /// faster.
    async fn decide(
        &self,
        version: &Version,
        new: bool,
        forced: bool,
    ) -> Result<Decided, LifeError> {
        let id = &version.info.model_version;
        let mut attempted = None;
        loop {
            let state = self.follow().await?;
            let live = state.champion.as_ref().map(|live| &live.info.model_version);
            let last = self.store.decisions_on(id).await?.pop();
            if last.is_some() {
                // It may have been made a moment ago.
                self.follow().await?;
            }
            match last {
                // The log has what was attempted, although the answer to that was lost.
                Some(last) if attempted.as_ref() == Some(&last) => {
                    return Ok(Decided::Now(Box::new(last)));
                }
                // Another replica, at its start, was faster to decide on what this one just stored.
                Some(last) if new && !forced && last.time >= version.info.trained => {
                    return Ok(Decided::Now(Box::new(last)));
                }
                Some(_) if !forced || live == Some(id) => return Ok(Decided::Before),
                _ => {}
            }
            let decision = judge(version, &state, forced)?;
            if self.store.append(&decision).await? {
                self.follow().await?;
                return Ok(Decided::Now(Box::new(decision)));
            }
            attempted = Some(decision);
        }
    }

    /// Makes a stored version live because someone asks for it; none where there is no such
    /// version.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn activate(
        &self,
        id: &str,
        pinned: bool,
    ) -> Result<Option<Arc<LiveModel>>, StoreError> {
        loop {
            let state = self.follow().await?;
            if let Some(live) = state.champion.filter(|live| live.info.model_version == id) {
                if live.activation.pinned == pinned {
                    return Ok(Some(live));
                }
            } else if self.store.version(id).await?.is_none() {
                return Ok(None);
            }
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
            if self.store.append(&decision).await? {
                self.follow().await?;
            }
        }
    }

    /// Decides on the versions that were stored and then left undecided, because the process ended
    /// in between.
    ///
    /// # Errors
    /// As [`introduce`](Self::introduce).
    pub async fn mend(&self) -> Result<(), LifeError> {
        for id in self.store.undecided_versions().await? {
            if let Some(version) = self.store.version(&id).await? {
                let decided = self.decide(&version, false, false).await?;
                tracing::warn!(version = id, ?decided, "an unfinished decision is finished");
            }
        }
        Ok(())
    }

    /// Forgets the oldest versions beyond `keep`, except those that were live during the last day
    /// and those that are not decided on.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn prune(&self, keep: u64) -> Result<(), StoreError> {
        let count = self.store.count_versions().await?;
        if count <= keep {
            return Ok(());
        }
        let mut protected = self.store.undecided_versions().await?;
        protected.extend(live_since(
            EventTime::now().before(DAY),
            self.store.last_activations(MAX_ACTIVATIONS).await?,
        ));
        let ids = self.store.version_ids().await?.into_iter();
        let oldest = ids.filter(|id| !protected.contains(id));
        for id in oldest.take(usize::try_from(count - keep).unwrap_or(usize::MAX)) {
            self.store.delete_version(&id).await?;
            tracing::info!(version = id, keep, "an old version is forgotten");
        }
        Ok(())
    }
}

/// The versions that were live at some moment since `time`, from activations, newest first.
fn live_since(time: EventTime, activations: Vec<Decision>) -> Vec<String> {
    let mut live = Vec::new();
    for activation in activations {
        live.push(activation.model_version);
        // The ones before it had ended when this one began.
        if activation.time < time {
            break;
        }
    }
    live
}

/// Why a version could not be introduced.
#[derive(Debug, thiserror::Error)]
pub enum LifeError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rows.
    #[error(transparent)]
    Train(#[from] TrainError),
}

/// What is to be decided on a version in a state.
fn judge(version: &Version, state: &State, forced: bool) -> Result<Decision, TrainError> {
    let info = &version.info;
    let decision = |verdict, gate, reason| Decision {
        sequence: state.sequence + 1,
        model_version: info.model_version.clone(),
        verdict,
        time: EventTime::now(),
        cause: info.cause.clone(),
        forced,
        pinned: false,
        gate,
        reason,
    };
    let Some(champion) = &state.champion else {
        return Ok(decision(
            Verdict::Activated,
            None,
            "nothing was live".into(),
        ));
    };
    let live = &champion.info.model_version;
    if state.supersedes(info.cause.trigger.as_ref()) {
        let reason = format!("superseded: {live} is live, not the version that erred");
        return Ok(decision(Verdict::Rejected, None, reason));
    }
    if state.pinned() {
        let reason = format!("{live} is pinned");
        return Ok(decision(Verdict::Rejected, None, reason));
    }
    let table = features::table(&version.training_rows)
        .map_err(|error| TrainError::Definition(error.to_string()))?;
    let gate = Gate {
        champion: live.clone(),
        loo_error: info.loo_error,
        champion_error: champion.info.model.error_on(&table)?,
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
    Ok(decision(verdict, Some(gate), reason.to_owned()))
}
