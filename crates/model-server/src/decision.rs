//! The append-only log of decisions: what went live, what was rejected, what became of each trigger,
//! when and why.

use std::fmt;

use pipeline::EventTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cause::Cause;

/// By how much, relative to the champion's error, a challenger may be worse.
pub const MARGIN: f64 = 0.10;

/// How a training or a call for one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The new version is live.
    Activated,
    /// The new version is worse than the live one by more than the margin.
    Rejected,
    /// The same rows or the same trigger had been decided on before; nothing changed.
    Unchanged,
    /// The version that erred is no longer live; nothing changed.
    Superseded,
    /// The live version is held; nothing changed.
    Pinned,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; Self::Pinned as usize + 1] = [
        Self::Activated,
        Self::Rejected,
        Self::Unchanged,
        Self::Superseded,
        Self::Pinned,
    ];

    /// Its name on the wire and in the stores.
    pub fn name(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::Rejected => "rejected",
            Self::Unchanged => "unchanged",
            Self::Superseded => "superseded",
            Self::Pinned => "pinned",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
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
    /// The version that it is about; where nothing was trained, the live one.
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

impl Decision {
    /// Whether it made a version live.
    pub fn activates(&self) -> bool {
        self.verdict == Verdict::Activated
    }

    /// Whether it settled what led to it: while a version is held, nothing is settled.
    pub fn settles(&self) -> bool {
        self.verdict != Verdict::Pinned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_has_one_name_in_documents_columns_and_metrics() {
        for verdict in Verdict::ALL {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.name());
        }
    }

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
