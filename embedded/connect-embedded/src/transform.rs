//! Single message transforms: `Filter` with the predicate `RecordIsTombstone`.

use std::collections::BTreeSet;

use crate::ConfigError;
use crate::converter::Value;
use crate::options::Options;

const FILTER: &str = "org.apache.kafka.connect.transforms.Filter";
const IS_TOMBSTONE: &str = "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone";

/// The chain of transforms. Each one drops a record or passes it on unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filters(Vec<DropTombstones>);

/// A `Filter` on `RecordIsTombstone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DropTombstones {
    /// Drops everything except tombstones.
    negate: bool,
}

impl Filters {
    /// From `transforms`, `predicates` and the options below them.
    pub(crate) fn from_options(options: &mut Options) -> Result<Self, ConfigError> {
        let mut predicates = BTreeSet::new();
        for name in options.list("predicates") {
            let kind = format!("predicates.{name}.type");
            options.choice(&kind, None, &[(IS_TOMBSTONE, ())])?;
            predicates.insert(name);
        }
        let mut filters = Vec::new();
        for name in options.list("transforms") {
            options.choice(&format!("transforms.{name}.type"), None, &[(FILTER, ())])?;
            let option = format!("transforms.{name}.predicate");
            let predicate =
                options.required(&option, "the predicate that selects the records to drop")?;
            if !predicates.contains(&predicate.value) {
                let reason = format!(
                    "`{}` is unknown: expected one of `predicates`",
                    predicate.raw
                );
                return Err(options.refuse(&option, reason));
            }
            let negate = options.flag(&format!("transforms.{name}.negate"), false)?;
            filters.push(DropTombstones { negate });
        }
        Ok(Self(filters))
    }

    /// Whether a record with this value reaches the sink.
    pub(crate) fn keep(&self, value: &Value) -> bool {
        let tombstone = *value == Value::Null;
        self.0.iter().all(|filter| tombstone == filter.negate)
    }
}
