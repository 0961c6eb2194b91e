//! The groups in a version's training rows, as a field that has the name of the pipeline's group.

use std::fmt;
use std::ops::Deref;

use pipeline::Definition;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::features::TrainingRow;

/// The groups in some training rows, in byte order; none if the pipeline has no group.
///
/// Its serialized form is a map to be flattened into a struct: `"District": ["north", "south"]` for a
/// group with the field `District`, and nothing for a pipeline without a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    field: Option<String>,
    levels: Vec<String>,
}

impl Groups {
    /// The groups in these rows.
    pub fn of(definition: &Definition, rows: &[TrainingRow]) -> Self {
        let groups = rows.iter().filter_map(|row| row.group(definition));
        let mut levels: Vec<String> = groups.map(str::to_owned).collect();
        levels.sort_unstable();
        levels.dedup();
        Self {
            field: definition.group().map(|group| group.field.clone()),
            levels,
        }
    }
}

impl Deref for Groups {
    type Target = Vec<String>;

    fn deref(&self) -> &Vec<String> {
        &self.levels
    }
}

impl Serialize for Groups {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(field) = &self.field {
            map.serialize_entry(field, &self.levels)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Groups {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The fields that the surrounding struct does not know. A store may add some, such as `_id`.
        struct OtherFields;
        impl<'de> Visitor<'de> for OtherFields {
            type Value = Groups;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field with the groups")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Groups, A::Error> {
                let mut groups = Groups::default();
                while let Some((field, value)) = map.next_entry::<String, Value>()? {
                    if let (None, Ok(levels)) = (&groups.field, serde_json::from_value(value)) {
                        groups = Groups {
                            field: Some(field),
                            levels,
                        };
                    }
                }
                Ok(groups)
            }
        }
        deserializer.deserialize_map(OtherFields)
    }
}
