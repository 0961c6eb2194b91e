//! The history of the model: its versions and the decisions on them.

use std::collections::HashMap;
use std::fmt;

use pipeline::{EventTime, TriggerRecord};

/// The outcome of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new version went live.
    Activated,
    /// The new version was worse than the live one.
    Rejected,
    /// The trigger named a version that was no longer live; nothing was trained.
    Superseded,
    /// The live version was pinned; nothing was trained.
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

/// An entry of the model server's decision log.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The new version; if nothing was trained, the live one.
    pub version: String,
    /// The outcome.
    pub outcome: Outcome,
    /// When it was made, wall clock.
    pub time: EventTime,
    /// When the training of the version began, wall clock.
    pub training_started: Option<EventTime>,
    /// The trigger that caused it, if any.
    pub cause: Option<TriggerRecord>,
    /// Whether rows that came after a trigger caused it.
    pub is_refinement: bool,
}

impl Decision {
    /// Whether a version was trained for it.
    pub(crate) fn has_trained(&self) -> bool {
        matches!(self.outcome, Outcome::Activated | Outcome::Rejected)
    }

    /// Which of several decisions on one trigger counts: a training settles the trigger, and `pinned`
    /// leaves it open.
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
    /// The groups among them.
    pub groups: Vec<String>,
    /// The records of the oldest training row; `None` for the first model.
    pub first_row: Option<String>,
    /// The records of the newest training row; `None` for the first model.
    pub last_row: Option<String>,
}

/// The rows that a version was trained on, by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingRows {
    /// The group of each row; empty if the pipeline has no group.
    pub groups: Vec<String>,
    /// The other categories: name, and the level of each row.
    pub categories: Vec<(String, Vec<String>)>,
    /// The numeric columns: name, and the value of each row.
    pub numeric: Vec<(String, Vec<f64>)>,
}

/// The versions of the model and the decisions on them, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelHistory {
    /// The versions.
    pub versions: Vec<Version>,
    /// The decisions.
    pub decisions: Vec<Decision>,
    /// The training rows by version, as far as they are known.
    pub training_rows: HashMap<String, TrainingRows>,
}

impl ModelHistory {
    /// The versions in order of activation; a version that came back is listed twice.
    pub(crate) fn activations(&self) -> Vec<&str> {
        let decisions = self.decisions.iter();
        let activated = decisions.filter(|one| one.outcome == Outcome::Activated);
        activated.map(|one| one.version.as_str()).collect()
    }

    /// The version with this id.
    pub fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }

    /// The decision that counts for a trigger: the last training; without one, the last decision that
    /// is not `pinned`; without one, the last decision.
    pub(crate) fn decision_for(&self, trigger: &TriggerRecord) -> Option<&Decision> {
        let caused = self.decisions.iter().filter(|decision| {
            let cause = decision.cause.as_ref();
            cause.is_some_and(|cause| is_same(cause, trigger))
        });
        caused.max_by_key(|decision| decision.weight())
    }

    /// Whether another version was activated after the last activation of `version`.
    pub(crate) fn is_superseded(&self, version: &str) -> bool {
        let activations = self.activations();
        activations.contains(&version) && activations.last() != Some(&version)
    }

    /// Whether the outcome of a trigger is known.
    pub fn has_settled(&self, trigger: &TriggerRecord) -> bool {
        self.decision_for(trigger).is_some() || self.is_superseded(&trigger.model_version)
    }
}

/// Whether two triggers are of the same window. Records ids and versions may occur again; the mean
/// error distinguishes their windows.
fn is_same(one: &TriggerRecord, other: &TriggerRecord) -> bool {
    one.model_version == other.model_version
        && one.first_key == other.first_key
        && one.last_key == other.last_key
        && one.error_avg == other.error_avg
}
