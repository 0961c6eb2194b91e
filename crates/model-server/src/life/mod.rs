//! What is live follows the log of decisions; a decision is made by appending to it.
//!
//! | module | what is in it |
//! |---|---|
//! | this one | following the log |
//! | `decide` | appending to it |
//! | `prune` | which versions are forgotten |

mod decide;
mod prune;

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::cause::Trigger;
use crate::decision::{Decision, Verdict};
use crate::live::{Live, LiveModel};
use crate::store::{MODELS, Store, StoreError};

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
}
