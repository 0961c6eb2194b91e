//! Why a version was trained or activated.

use pipeline::Definition;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The maximum length of a trigger's strings, in characters. Longer ones are ignored, because every
/// trigger stays in the log.
const MAX_CHARS: usize = 64;
/// The maximum number of a trigger's groups. Further ones are ignored.
const MAX_GROUPS: usize = 32;

/// The field of a trigger with the version that has a large error.
const MODEL_VERSION: &str = "ModelVersion";
/// The field of a trigger with the mean error over the window.
const ERROR_AVG: &str = "ErrorAvg";
/// The ends of the fields with the keys of the first and the last record; the pipeline's key is before them.
const START: &str = "_Start";
const END: &str = "_End";

/// What led to a training or an activation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum CauseKind {
    /// There was no model yet.
    Initial,
    /// A record of the trigger topic: a version's mean error over a window exceeded the threshold.
    Trigger,
    /// A call that does not name a version with a large error.
    Request,
    /// Rows that have come since a trigger's version went live.
    Refined,
}

/// A repeated training after a trigger, on rows that have come since its version went live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct Refinement {
    /// Sequence number of the log entry that made the trigger's version live.
    pub activation: u64,
    /// The number of rows since then that leads to this training.
    pub rows: u32,
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
    /// The refinement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refinement: Option<Refinement>,
    /// Whether to override the gate and earlier decisions.
    #[serde(default)]
    pub forced: bool,
}

/// A record of the trigger topic, or a part of one. Each field is optional, and some names depend on the
/// pipeline: for deliveries by district `ModelVersion`, `District`, `Order_Start`, `Order_End`, `ErrorAvg`,
/// `Delivery`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trigger(Map<String, Value>);

impl Trigger {
    /// Reads a request body as a trigger; `None` if it names neither a version nor a last record.
    ///
    /// Accepts any body. A field of another type counts as missing, and so do a string of more than 64
    /// characters, groups after the first 32, and a number of records above 2⁶³ - 1, which the stores
    /// cannot hold. A key that is a number is kept as text.
    pub fn from_body(definition: &Definition, body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let text = |field: &str| short(body.get(field)?).map(Value::from);
        let key = |field: &str| match body.get(field)? {
            Value::Number(number) => Some(number.to_string().into()),
            other => short(other).map(Value::from),
        };
        let groups = |field: &str| {
            let groups = body.get(field)?.as_array()?.iter().filter_map(short);
            let groups: Vec<String> = groups.take(MAX_GROUPS).collect();
            (!groups.is_empty()).then_some(Value::from(groups))
        };
        let count = |field: &str| {
            let count = body.get(field)?.as_u64();
            count.filter(|count| i64::try_from(*count).is_ok())
        };
        let [start, end] = [START, END].map(|end| format!("{}{end}", definition.key));
        let group = definition.group().map(|group| group.field.as_str());
        let fields = [
            (MODEL_VERSION, text(MODEL_VERSION)),
            (group.unwrap_or_default(), group.and_then(groups)),
            (&*start, key(&start)),
            (&*end, key(&end)),
            (
                ERROR_AVG,
                body.get(ERROR_AVG).and_then(Value::as_f64).map(Value::from),
            ),
            (
                &*definition.count_field(),
                count(&definition.count_field()).map(Value::from),
            ),
        ];
        let fields = fields.into_iter();
        let trigger = Self(
            fields
                .filter_map(|(field, value)| Some((field.to_owned(), value?)))
                .collect(),
        );
        let is_one = trigger.model_version().is_some() || trigger.last_key().is_some();
        is_one.then_some(trigger)
    }

    /// The version with the large error.
    pub fn model_version(&self) -> Option<&str> {
        self.text(MODEL_VERSION)
    }

    /// The key of the last record in the window.
    pub fn last_key(&self) -> Option<&str> {
        self.key(END)
    }

    /// Whether the trigger names a version and a window. Another trigger with the same version,
    /// window and mean error is then a redelivery of this one.
    pub fn is_identified(&self) -> bool {
        self.model_version().is_some() && self.key(START).is_some() && self.key(END).is_some()
    }

    /// Mean error over the window.
    pub fn error_avg(&self) -> Option<f64> {
        self.0.get(ERROR_AVG)?.as_f64()
    }

    /// Whether both triggers have the same version and window. A missing field equals a missing field.
    pub fn is_same(&self, other: &Self) -> bool {
        self.model_version() == other.model_version()
            && self.key(START) == other.key(START)
            && self.key(END) == other.key(END)
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field)?.as_str()
    }

    /// The only text in a field with this end.
    fn key(&self, end: &str) -> Option<&str> {
        let mut keys = self.0.iter().filter(|(field, _)| field.ends_with(end));
        keys.find_map(|(_, value)| value.as_str())
    }
}

/// The fields depend on the pipeline, so the model server describes them.
#[cfg(feature = "openapi")]
mod openapi {
    use utoipa::openapi::{RefOr, Schema};
    use utoipa::{PartialSchema, ToSchema};

    impl PartialSchema for super::Trigger {
        fn schema() -> RefOr<Schema> {
            RefOr::default()
        }
    }

    impl ToSchema for super::Trigger {}
}

/// A string of at most [`MAX_CHARS`] characters.
fn short(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let is_short = text.chars().nth(MAX_CHARS).is_none();
    is_short.then(|| text.to_owned())
}

impl Cause {
    /// The cause of the first version.
    pub fn initial() -> Self {
        Self {
            kind: CauseKind::Initial,
            trigger: None,
            refinement: None,
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
            refinement: None,
            forced: false,
        }
    }

    /// The cause of a refinement.
    pub fn refined(refinement: Refinement) -> Self {
        Self {
            kind: CauseKind::Refined,
            trigger: None,
            refinement: Some(refinement),
            forced: false,
        }
    }

    /// Whether no person asked for the training. The log then has one decision on the cause.
    pub fn is_automatic(&self) -> bool {
        self.trigger.is_some() || self.refinement.is_some()
    }

    /// Sets whether the gate and earlier decisions are overridden.
    pub fn forced(self, forced: bool) -> Self {
        Self { forced, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_versions::energy;

    fn read(body: &str) -> Option<Value> {
        let trigger = Trigger::from_body(Definition::shipped(), body.as_bytes())?;
        Some(serde_json::to_value(trigger).unwrap())
    }

    #[test]
    fn all_fields_of_a_retrain_record_are_read() {
        let body = r#"{"ModelVersion":"5f","Species":["walleye"],"Fish_Id_Start":"61","Fish_Id_End":"80","ErrorAvg":0.31,"Fish":20}"#;
        assert_eq!(read(body).unwrap().to_string(), body);
        let trigger = Trigger::from_body(Definition::shipped(), body.as_bytes()).unwrap();
        assert_eq!(trigger.model_version(), Some("5f"));
        assert_eq!(trigger.last_key(), Some("80"));
        assert!(trigger.is_identified());
    }

    #[test]
    fn the_fields_have_the_pipelines_names() {
        let body = r#"{"ModelVersion":"5f","Room":["a"],"Id_Start":61,"Id_End":80,"ErrorAvg":2,"Reading":20,"Species":["x"]}"#;
        let trigger = Trigger::from_body(energy(), body.as_bytes()).unwrap();
        assert_eq!(
            serde_json::to_string(&trigger).unwrap(),
            r#"{"ModelVersion":"5f","Room":["a"],"Id_Start":"61","Id_End":"80","ErrorAvg":2.0,"Reading":20}"#
        );
        assert!(trigger.is_same(&trigger));
        let other = body.replace("\"Id_End\":80", "\"Id_End\":81");
        let other = Trigger::from_body(energy(), other.as_bytes()).unwrap();
        assert!(!trigger.is_same(&other));
    }

    #[test]
    fn the_size_of_a_trigger_is_bounded() {
        let (fits, long) = ("ø".repeat(64), "x".repeat(65));
        let body = serde_json::json!({
            "ModelVersion": fits, "Fish_Id_Start": long, "Fish_Id_End": fits,
            "Species": vec![&long; 3].into_iter().chain(vec![&fits; 40]).collect::<Vec<_>>(),
            "Fish": i64::MAX as u64 + 1
        });
        let expected = serde_json::json!({
            "ModelVersion": fits, "Species": vec![&fits; 32], "Fish_Id_End": fits,
        });
        assert_eq!(read(&body.to_string()), Some(expected));
        let only_long = serde_json::json!({ "ModelVersion": long, "Fish_Id_End": long });
        assert_eq!(read(&only_long.to_string()), None);
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
            assert_eq!(read(body), None, "{body}");
        }
    }
}
