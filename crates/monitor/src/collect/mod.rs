//! Polls the other parts for data that the topics do not contain.
//!
//! | module | what is in it |
//! |---|---|
//! | `collector` | all polls: how often, and in which order |
//! | `poll` | a repeated request with its timeout, and its latest result |
//! | `health`, `queries` | the health of a part; whether the SQL's queries run |
//! | `snapshot` | when a query of the store last found a row |

mod collector;
mod health;
mod poll;
mod queries;
mod snapshot;

use std::time::Instant;

use observer::{ModelApi, Observer, StoredRows};
use pipeline::TriggerRule;

pub(crate) use collector::{Collected, Collector, Example, Input};
pub(crate) use poll::Polled;
pub(crate) use queries::Queries;
pub(crate) use snapshot::StoreSnapshot;

/// A pipeline that a monitor shows.
#[derive(Clone, Debug)]
pub struct WatchedPipeline {
    /// Reads the topics.
    pub observer: Observer,
    /// Client of the model API.
    pub model_api: ModelApi,
    /// The model server's URL.
    pub model_url: String,
    /// The training data; `None` if the monitor does not read the store.
    pub stored: Option<StoredRows>,
    /// When the SQL triggers a retraining.
    pub rule: TriggerRule,
}

/// The topics of the pipeline that are not read yet.
pub(crate) fn unread_topics(observer: &Observer) -> Vec<&'static str> {
    let now = Instant::now();
    let all = observer.definition().topics.all().into_iter();
    all.filter(|topic| observer.traffic().of(topic, now).is_none())
        .collect()
}
