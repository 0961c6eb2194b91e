//! The model's history as the report needs it: versions, and the decisions on them.

use std::collections::HashMap;
use std::fmt;

use pipeline::{EventTime, RetrainTrigger};

/// What was decided on a trained version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went live.
    Activated,
    /// It was worse than the live one.
    Rejected,
    /// The trigger named a version that was no longer live; nothing was trained.
    Superseded,
    /// The live version was held; nothing was trained.
    Pinned,
    /// Another outcome, as the model server names it.
    Other(String),
}

impl From<&str> for Outcome {
    fn from(name: &str) -> Self {
        match name {
            "activated" => Self::Activated,
            "rejected" => Self::Rejected,
            "superseded" => Self::Superseded,
            "pinned" => Self::Pinned,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Activated => "activated",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
            Self::Pinned => "pinned",
            Self::Other(name) => name,
        })
    }
}

/// An entry of the model server's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The version that was decided on; where nothing was trained, the live one.
    pub version: String,
    /// What was decided.
    pub outcome: Outcome,
    /// When, by the wall clock.
    pub time: EventTime,
    /// When the training of the version began, by the wall clock.
    pub training_started: Option<EventTime>,
    /// The trigger that caused it, if one did.
    pub cause: Option<RetrainTrigger>,
}

impl Decision {
    /// Whether a version was trained for it.
    pub(crate) fn has_trained(&self) -> bool {
        matches!(self.outcome, Outcome::Activated | Outcome::Rejected)
    }

    /// How much it says of what became of its trigger. While a version was held, nothing was settled;
    /// one trigger that came again was settled when a version was trained for it.
    fn weight(&self) -> u8 {
        match &self.outcome {
            Outcome::Pinned => 0,
            Outcome::Superseded | Outcome::Other(_) => 1,
            Outcome::Activated | Outcome::Rejected => 2,
        }
    }
}

/// A trained version.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// Its id.
    pub id: String,
    /// How many rows it was trained on.
    pub rows: u64,
    /// The species among them.
    pub species: Vec<String>,
    /// The fish of the oldest training row; none for the first model.
    pub first_row: Option<String>,
    /// The fish of the newest training row; none for the first model.
    pub last_row: Option<String>,
}

/// The rows that a version was trained on, by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingRows {
    /// Each row's species.
    pub species: Vec<String>,
    /// The numeric columns by name, each with a value for each row.
    pub numeric: Vec<(String, Vec<f64>)>,
}

/// The model's versions and the decisions on them, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelHistory {
    /// The versions.
    pub versions: Vec<Version>,
    /// The decisions.
    pub decisions: Vec<Decision>,
    /// The training rows of versions that erred, by version, as far as they are known.
    pub training_rows: HashMap<String, TrainingRows>,
}

impl ModelHistory {
    /// The versions in the order of their activation; one that was rolled back to is there twice.
    pub fn activations(&self) -> Vec<&str> {
        let activated = self
            .decisions
            .iter()
            .filter(|one| one.outcome == Outcome::Activated);
        activated
            .map(|decision| decision.version.as_str())
            .collect()
    }

    /// The version with this id.
    pub fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }

    /// The decision that says what became of a trigger: the last one for which a version was trained,
    /// else the last one that was not made because a version is held, else the last one.
    pub fn decision_for(&self, trigger: &RetrainTrigger) -> Option<&Decision> {
        let caused = self.decisions.iter().filter(|decision| {
            let cause = decision.cause.as_ref();
            cause.is_some_and(|cause| is_same(cause, trigger))
        });
        caused.max_by_key(|decision| decision.weight())
    }

    /// Whether another version was activated after this one was, for the last time.
    pub fn is_superseded(&self, version: &str) -> bool {
        let activations = self.activations();
        activations.contains(&version) && activations.last() != Some(&version)
    }

    /// Whether it is known what became of a trigger.
    pub fn has_settled(&self, trigger: &RetrainTrigger) -> bool {
        self.decision_for(trigger).is_some() || self.is_superseded(&trigger.model_version)
    }
}

/// Whether two triggers are of one window. Fish may be numbered from 1 again, and a version come back:
/// another mean error is another window.
fn is_same(one: &RetrainTrigger, other: &RetrainTrigger) -> bool {
    one.model_version == other.model_version
        && one.fish_id_start == other.fish_id_start
        && one.fish_id_end == other.fish_id_end
        && one.error_avg == other.error_avg
}
