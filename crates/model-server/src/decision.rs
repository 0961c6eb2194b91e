//! The append-only log of decisions: what went live, what was rejected, when and why.

use messages::EventTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cause::Cause;

/// What was decided on a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It went live.
    Activated,
    /// It did not.
    Rejected,
}

/// The numbers of a challenger's comparison with the champion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Gate {
    /// The version that was live.
    pub champion: String,
    /// The challenger's leave-one-out mean absolute relative error on its training rows.
    pub loo_error: f64,
    /// The champion's mean absolute relative error on the same rows.
    pub champion_error: f64,
    /// By how much, relative to the champion's error, the challenger may be worse.
    pub margin: f64,
}

impl Gate {
    /// Whether the challenger is good enough.
    pub fn passed(&self) -> bool {
        self.loo_error <= self.champion_error * (1.0 + self.margin)
    }
}

/// An entry of the log. The last one that activated a version says what is live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Decision {
    /// Its number: 1, 2, 3, … An insert of a number that is taken fails.
    pub sequence: u64,
    /// The version that it is about.
    pub model_version: String,
    /// What was decided.
    pub verdict: Verdict,
    /// When, by the wall clock.
    #[schema(value_type = String, format = DateTime)]
    pub time: EventTime,
    /// What led to it.
    pub cause: Cause,
    /// Whether the gate or an earlier decision was overridden.
    pub forced: bool,
    /// Whether triggers must leave it live until it is unpinned.
    pub pinned: bool,
    /// The comparison, where there was a champion and rows to compare on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// Why, in words.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenger_may_be_worse_than_the_champion_by_the_margin_and_no_more() {
        let gate = |loo_error| Gate {
            champion: "a".into(),
            loo_error,
            champion_error: 0.020,
            margin: 0.10,
        };
        assert!(gate(0.010).passed());
        assert!(gate(0.0219).passed());
        assert!(!gate(0.0221).passed());
        assert!(!gate(f64::NAN).passed());
    }
}
