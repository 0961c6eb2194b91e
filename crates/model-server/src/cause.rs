//! Why a version was trained or activated.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The longest text of a trigger that is kept, in characters: each stays in the log for ever.
const MAX_CHARS: usize = 64;
/// The most species of a trigger that are kept.
const MAX_SPECIES: usize = 32;

/// What led to a training or an activation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CauseKind {
    /// There was no model yet.
    Initial,
    /// A row of `weight-retrain`: a version's mean error over a window was above the threshold.
    Trigger,
    /// A person or a program called without naming a version that erred.
    Request,
}

/// A cause with the trigger's fields, where there are any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Cause {
    /// What it was.
    pub kind: CauseKind,
    /// The trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// Whether the gate and earlier decisions are to be overridden.
    #[serde(default)]
    pub forced: bool,
}

/// The fields of a row of `weight-retrain`, each of them optional.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Trigger {
    /// The version that erred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_version: Option<String>,
    /// The species in the window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub species: Vec<String>,
    /// The first fish in the window.
    #[serde(
        default,
        rename = "Fish_Id_Start",
        skip_serializing_if = "Option::is_none"
    )]
    pub fish_id_start: Option<String>,
    /// The last fish in the window.
    #[serde(
        default,
        rename = "Fish_Id_End",
        skip_serializing_if = "Option::is_none"
    )]
    pub fish_id_end: Option<String>,
    /// Mean relative error over the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_avg: Option<f64>,
    /// How many fish the window held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fish: Option<u64>,
}

impl Trigger {
    /// What a request's body says. Any body is accepted: what is not a trigger, or a field of
    /// another type than the trigger's, counts as not given; so do a text of more than 64
    /// characters, species after the first 32, and a number of fish beyond 2⁶³ - 1, which no store
    /// could keep.
    pub fn from_body(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let short = |value: &Value| {
            let text = value.as_str()?;
            text.chars()
                .nth(MAX_CHARS)
                .is_none()
                .then(|| text.to_owned())
        };
        let text = |field: &str| body.get(field).and_then(short);
        let trigger = Self {
            model_version: text("ModelVersion"),
            species: body
                .get("Species")
                .and_then(Value::as_array)
                .map(|all| {
                    let species = all.iter().filter_map(short);
                    species.take(MAX_SPECIES).collect()
                })
                .unwrap_or_default(),
            fish_id_start: text("Fish_Id_Start"),
            fish_id_end: text("Fish_Id_End"),
            error_avg: body.get("ErrorAvg").and_then(Value::as_f64),
            fish: body
                .get("Fish")
                .and_then(Value::as_u64)
                .filter(|fish| i64::try_from(*fish).is_ok()),
        };
        (trigger.model_version.is_some() || trigger.fish_id_end.is_some()).then_some(trigger)
    }
}

impl Trigger {
    /// Whether it says which version erred in which window, so that another one with the same
    /// three fields and the same mean error is this one, delivered again.
    pub fn is_identified(&self) -> bool {
        self.model_version.is_some() && self.fish_id_start.is_some() && self.fish_id_end.is_some()
    }
}

impl Cause {
    /// There was no model yet.
    pub fn initial() -> Self {
        Self {
            kind: CauseKind::Initial,
            trigger: None,
            forced: false,
        }
    }

    /// A trigger where there is one, else a request.
    pub fn of(trigger: Option<Trigger>) -> Self {
        let kind = if trigger.is_some() {
            CauseKind::Trigger
        } else {
            CauseKind::Request
        };
        Self {
            kind,
            trigger,
            forced: false,
        }
    }

    /// The cause, with the gate and earlier decisions to be overridden where `forced`.
    pub fn forced(self, forced: bool) -> Self {
        Self { forced, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_retrain_topic_is_read_whole() {
        let body = br#"{"ModelVersion":"5f","Species":["walleye"],"Fish_Id_Start":"61","Fish_Id_End":"80","ErrorAvg":0.31,"Fish":20}"#;
        let trigger = Trigger::from_body(body).unwrap();
        assert_eq!(trigger.model_version.as_deref(), Some("5f"));
        assert_eq!(trigger.species, ["walleye"]);
        assert_eq!(trigger.fish_id_end.as_deref(), Some("80"));
        assert_eq!((trigger.error_avg, trigger.fish), (Some(0.31), Some(20)));
    }

    #[test]
    fn what_is_kept_of_a_trigger_is_bounded() {
        let (fits, long) = ("ø".repeat(64), "x".repeat(65));
        let body = serde_json::json!({
            "ModelVersion": fits, "Fish_Id_Start": long, "Fish_Id_End": fits,
            "Species": vec![&long; 3].into_iter().chain(vec![&fits; 40]).collect::<Vec<_>>(),
            "Fish": i64::MAX as u64 + 1
        });
        let trigger = Trigger::from_body(body.to_string().as_bytes()).unwrap();
        assert_eq!(trigger.model_version.as_ref(), Some(&fits));
        assert_eq!(trigger.fish_id_end.as_ref(), Some(&fits));
        assert_eq!((trigger.fish_id_start, trigger.fish), (None, None));
        assert_eq!(trigger.species, vec![fits; 32]);
        let only_long = serde_json::json!({ "ModelVersion": long, "Fish_Id_End": long });
        assert_eq!(Trigger::from_body(only_long.to_string().as_bytes()), None);
    }

    #[test]
    fn any_other_body_is_no_trigger() {
        for body in [
            "",
            "{}",
            "train!",
            "[1]",
            "\"x\"",
            r#"{"ModelVersion":7}"#,
            "\u{0}",
        ] {
            assert_eq!(Trigger::from_body(body.as_bytes()), None, "{body}");
        }
    }
}
