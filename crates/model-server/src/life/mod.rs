//! What is live follows the log of decisions; a decision is made by appending to it.
//!
//! | module | what is in it |
//! |---|---|
//! | this one | following the log |
//! | `decide` | appending to it |
//! | `prune` | which versions are forgotten |

mod decide;
mod prune;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;

use crate::cause::Trigger;
use crate::decision::{Decision, Verdict};
use crate::live::{Live, LiveModel};
use crate::store::{MODELS, Store, StoreError};
use crate::version::VersionInfo;

/// Activations that are looked at, from the newest on, for versions that were live.
const MAX_ACTIVATIONS: u32 = 10_000;

/// The models' life on one store, together with the other replicas on it.
#[derive(Clone, Debug)]
pub struct Life {
    store: Arc<dyn Store>,
    live: Live,
    followed: Arc<Mutex<Followed>>,
    /// Whether this process has stored a version since it last looked for old ones to forget.
    grown: Arc<AtomicBool>,
    /// Whether another log was found in the place of the one that was followed.
    replaced: Arc<AtomicBool>,
}

/// How far the log was followed, and to what.
#[derive(Debug, Default)]
struct Followed {
    /// The last entry that was read.
    last: Option<Decision>,
    /// What is live by the log: not what a copy answers with.
    champion: Option<Arc<LiveModel>>,
    /// The last activation, where its version cannot be read.
    unmet: Option<Decision>,
}

/// The state after the whole log.
#[derive(Clone, Debug)]
pub struct State {
    /// The log's last sequence number.
    pub sequence: u64,
    /// What is live.
    pub champion: Option<Arc<LiveModel>>,
    /// Whether that takes the place of the version that the log makes live, which cannot be read.
    pub stands_in: bool,
}

impl State {
    /// The live version's id.
    pub fn live(&self) -> Option<&str> {
        let champion = self.champion.as_ref()?;
        Some(&champion.info.model_version)
    }

    /// Why a call must change nothing, whatever the rows are: the version that its trigger names is
    /// no longer live, or the live one is held.
    pub fn dismissal(&self, trigger: Option<&Trigger>) -> Option<(Verdict, String)> {
        let champion = self.champion.as_ref()?;
        let live = &champion.info.model_version;
        let erred = trigger.and_then(|trigger| trigger.model_version.as_ref());
        if erred.is_some_and(|erred| erred != live) {
            let reason = format!("{live} is live, not the version that erred");
            Some((Verdict::Superseded, reason))
        } else if champion.activation.pinned {
            Some((Verdict::Pinned, format!("{live} is pinned")))
        } else {
            None
        }
    }
}

impl Life {
    /// The life on `store`; nothing is live until [`follow`](Self::follow).
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            live: Live::default(),
            followed: Arc::default(),
            // Those of an earlier process, with other settings, count too.
            grown: Arc::new(AtomicBool::new(true)),
            replaced: Arc::default(),
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

    /// Whether the store was found replaced by another since this was asked last.
    pub fn was_replaced(&self) -> bool {
        self.replaced.swap(false, Ordering::Relaxed)
    }

    /// Reads what the log has got since the last call, and makes live what it says.
    ///
    /// # Errors
    /// Those of the store; what was live stays.
    pub async fn follow(&self) -> Result<State, StoreError> {
        self.follow_with(None).await
    }

    /// As [`follow`](Self::follow), with a version as it is stored, which need not be read then.
    async fn follow_with(&self, in_hand: Option<&VersionInfo>) -> Result<State, StoreError> {
        let mut followed = self.followed.lock().await;
        let news = match &followed.last {
            Some(last) => self.news_after(last).await?,
            None => None,
        };
        let (last, activation) = if let Some(news) = news {
            let last = news.last().cloned().or_else(|| followed.last.clone());
            let mut activations = news.into_iter().rev();
            (last, activations.find(Decision::activates))
        } else {
            if followed.last.is_some() {
                tracing::error!(
                    "the store's log of decisions is not the one that was followed: \
                     it is followed from its beginning"
                );
                *followed = Followed::default();
                self.replaced.store(true, Ordering::Relaxed);
            }
            // The log may be long: its end says what is live.
            let last = self.store.last_decision().await?;
            (last, self.store.last_activations(1).await?.pop())
        };
        if let Some(activation) = activation.or_else(|| followed.unmet.clone()) {
            self.make_live(&mut followed, activation, in_hand).await?;
        }
        followed.last = last;
        Ok(State {
            sequence: followed.last.as_ref().map_or(0, |last| last.sequence),
            champion: followed.champion.clone(),
            stands_in: followed.unmet.is_some(),
        })
    }

    /// The log after an entry that was read from it; none where that is not in it any more.
    async fn news_after(&self, known: &Decision) -> Result<Option<Vec<Decision>>, StoreError> {
        let mut log = self
            .store
            .decisions_after(known.sequence.saturating_sub(1))
            .await?;
        if log.first() != Some(known) {
            return Ok(None);
        }
        log.remove(0);
        Ok(Some(log))
    }

    /// Makes live what an activation says. While its version cannot be read, the newest one that was
    /// live and can: a replica that answers with an older model is better than none.
    async fn make_live(
        &self,
        followed: &mut Followed,
        activation: Decision,
        in_hand: Option<&VersionInfo>,
    ) -> Result<(), StoreError> {
        let id = &activation.model_version;
        let info = match in_hand.filter(|info| info.model_version == *id) {
            Some(info) => Ok(Some(info.clone())),
            None => {
                let stored = self.store.version(id).await;
                stored.map(|version| version.map(|version| version.info))
            }
        };
        let fault = match info {
            Ok(Some(info)) => {
                followed.unmet = None;
                self.swap(followed, LiveModel::new(info, activation));
                return Ok(());
            }
            Ok(None) => format!("{MODELS} `{id}` is not there"),
            Err(corrupt @ StoreError::Corrupt { .. }) => corrupt.to_string(),
            Err(error) => return Err(error),
        };
        if followed.unmet.as_ref() == Some(&activation) {
            return Ok(());
        }
        tracing::error!(
            fault,
            sequence = activation.sequence,
            "the version that the log of decisions makes live cannot be read; \
             until it can, the newest one that was live and can be read takes its place"
        );
        if let Some(instead) = self.newest_readable().await? {
            self.swap(followed, instead);
        }
        followed.unmet = Some(activation);
        Ok(())
    }

    fn swap(&self, followed: &mut Followed, model: LiveModel) {
        tracing::info!(
            version = model.info.model_version,
            rows = model.info.rows,
            sequence = model.activation.sequence,
            pinned = model.activation.pinned,
            "live model"
        );
        let model = Arc::new(model);
        followed.champion = Some(Arc::clone(&model));
        self.live.swap(model);
    }

    /// Of the versions that were live, the last one that can be read. It is not held: what held it
    /// has ended.
    async fn newest_readable(&self) -> Result<Option<LiveModel>, StoreError> {
        let mut stored: HashSet<_> = self.store.version_ids().await?.into_iter().collect();
        for activation in self.store.last_activations(MAX_ACTIVATIONS).await? {
            if !stored.remove(&activation.model_version) {
                continue;
            }
            match self.store.version(&activation.model_version).await {
                Ok(Some(version)) => {
                    let activation = Decision {
                        pinned: false,
                        ..activation
                    };
                    return Ok(Some(LiveModel::new(version.info, activation)));
                }
                Ok(None) | Err(StoreError::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
