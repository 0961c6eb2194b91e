//! Why a version was trained or activated.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The maximum length of a trigger's strings, in characters. Longer ones are ignored, because every
/// trigger stays in the log.
const MAX_CHARS: usize = 64;
/// The maximum number of a trigger's species. Further ones are ignored.
const MAX_SPECIES: usize = 32;

/// What led to a training or an activation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum CauseKind {
    /// There was no model yet.
    Initial,
    /// A record of `weight-retrain`: a version's mean error over a window exceeded the threshold.
    Trigger,
    /// A call that does not name a version with a large error.
    Request,
}

/// A cause, with the trigger's fields if it is a trigger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct Cause {
    /// The kind of cause.
    pub kind: CauseKind,
    /// The trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// Whether to override the gate and earlier decisions.
    #[serde(default)]
    pub forced: bool,
}

/// The fields of a record of `weight-retrain`. Each is optional.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct Trigger {
    /// The version with the large error.
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
    /// The number of fish in the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fish: Option<u64>,
}

impl Trigger {
    /// Reads a request body as a trigger; `None` if it names neither a version nor a last fish.
    ///
    /// Accepts any body. A field of another type counts as missing, and so do a string of more than 64
    /// characters, species after the first 32, and a number of fish above 2⁶³ - 1, which the stores
    /// cannot hold.
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

    /// Whether the trigger names a version and a window. Another trigger with the same version,
    /// window and mean error is then a redelivery of this one.
    pub fn is_identified(&self) -> bool {
        self.model_version.is_some() && self.fish_id_start.is_some() && self.fish_id_end.is_some()
    }
}

impl Cause {
    /// The cause of the first version.
    pub fn initial() -> Self {
        Self {
            kind: CauseKind::Initial,
            trigger: None,
            forced: false,
        }
    }

    /// The cause of a training by this trigger, or by a request if there is no trigger.
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

    /// Sets whether the gate and earlier decisions are overridden.
    pub fn forced(self, forced: bool) -> Self {
        Self { forced, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields_of_a_retrain_record_are_read() {
        let body = br#"{"ModelVersion":"5f","Species":["walleye"],"Fish_Id_Start":"61","Fish_Id_End":"80","ErrorAvg":0.31,"Fish":20}"#;
        let trigger = Trigger::from_body(body).unwrap();
        assert_eq!(trigger.model_version.as_deref(), Some("5f"));
        assert_eq!(trigger.species, ["walleye"]);
        assert_eq!(trigger.fish_id_end.as_deref(), Some("80"));
        assert_eq!((trigger.error_avg, trigger.fish), (Some(0.31), Some(20)));
    }

    #[test]
    fn the_size_of_a_trigger_is_bounded() {
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
    fn any_other_body_is_not_a_trigger() {
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
