//! The append-only decision log: which version went live or was rejected, when and why.

use std::fmt;

use pipeline::EventTime;
use serde::{Deserialize, Serialize};

use crate::cause::{Cause, CauseKind};

/// How much worse than the champion a challenger may be, relative to the champion's error.
pub const MARGIN: f64 = 0.10;

/// How a training, or a call for one, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Verdict))]
#[serde(rename_all = "lowercase")]
pub enum TrainingOutcome {
    /// The new version is live.
    Activated,
    /// The new version is worse than the live one by more than the margin.
    Rejected,
    /// There already is a decision on the same rows or the same trigger. Nothing changed.
    Unchanged,
    /// The version named by the trigger is no longer live. Nothing changed.
    Superseded,
    /// The live version is pinned. Nothing changed.
    Pinned,
    /// No model can be fitted to the rows of the trigger's time. Nothing changed.
    #[serde(rename = "not_trainable")]
    NotTrainable,
}

impl TrainingOutcome {
    /// Every outcome.
    pub const ALL: [Self; Self::NotTrainable as usize + 1] = [
        Self::Activated,
        Self::Rejected,
        Self::Unchanged,
        Self::Superseded,
        Self::Pinned,
        Self::NotTrainable,
    ];

    /// The name in JSON, in the stores and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::Rejected => "rejected",
            Self::Unchanged => "unchanged",
            Self::Superseded => "superseded",
            Self::Pinned => "pinned",
            Self::NotTrainable => "not_trainable",
        }
    }
}

impl fmt::Display for TrainingOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The comparison of a challenger with the champion on the challenger's training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Gate))]
#[serde(rename_all = "PascalCase")]
pub struct GateCheck {
    /// The version that was live.
    pub champion: String,
    /// The challenger's leave-one-out mean absolute relative error.
    pub loo_error: f64,
    /// The champion's mean absolute relative error.
    pub champion_error: f64,
    /// How much worse the challenger may be, relative to the champion's error.
    pub margin: f64,
}

impl GateCheck {
    /// Whether the challenger may go live.
    pub fn passed(&self) -> bool {
        self.loo_error <= self.champion_error * (1.0 + self.margin)
    }
}

/// An entry of the decision log. The last entry that activates a version determines the live version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Decision))]
#[serde(rename_all = "PascalCase")]
pub struct LogEntry {
    /// The sequence number: 1, 2, 3, … Appending an entry with a number that exists fails.
    pub sequence: u64,
    /// The version this entry is about; if nothing was trained, the live version.
    pub model_version: String,
    /// What was decided.
    #[serde(rename = "Verdict")]
    pub outcome: TrainingOutcome,
    /// Wall-clock time of the decision.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub time: EventTime,
    /// What led to the decision.
    pub cause: Cause,
    /// Whether the decision overrides the gate or an earlier decision.
    pub forced: bool,
    /// Whether the version stays live until it is unpinned, regardless of triggers.
    pub pinned: bool,
    /// The comparison with the champion; `None` if there was no champion or nothing was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateCheck>,
    /// The reason, in words.
    pub reason: String,
}

impl LogEntry {
    /// Whether this entry makes a version live.
    pub fn activates(&self) -> bool {
        self.outcome == TrainingOutcome::Activated
    }

    /// The activation by a trigger that this activation goes back to, as a sequence number; `None` if a
    /// version that it makes live is not refined: it is the first one, or a person chose it.
    pub fn refined_activation(&self) -> Option<u64> {
        match self.cause.kind {
            _ if self.pinned => None,
            CauseKind::Trigger => Some(self.sequence),
            CauseKind::Refined => self.cause.refinement.map(|one| one.activation),
            CauseKind::Initial | CauseKind::Request => None,
        }
    }

    /// Whether this entry is a final answer to its cause. `Pinned` is not: the same trigger is
    /// decided again after the version is unpinned.
    pub fn is_final(&self) -> bool {
        self.outcome != TrainingOutcome::Pinned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_has_the_same_name_in_json_and_in_metrics() {
        for outcome in TrainingOutcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.name());
        }
    }

    #[test]
    fn a_challenger_may_be_worse_by_the_margin_but_not_more() {
        for (loo_error, passes) in [
            (0.010, true),
            (0.0219, true),
            (0.0221, false),
            (f64::NAN, false),
        ] {
            let check = GateCheck {
                champion: "a".into(),
                loo_error,
                champion_error: 0.020,
                margin: 0.10,
            };
            assert_eq!(check.passed(), passes, "{loo_error}");
        }
    }
}
