//! The properties of a request, and which of them may be set.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{ApiError, BAD_REQUEST, BAD_STATEMENT, SERVER_ERROR};
use ksql_engine::settings::{self, OFFSET_RESET, RECORD_CACHE, SUPPRESS};

/// The properties that the engine supports.
const SUPPORTED: [&str; 3] = [OFFSET_RESET, RECORD_CACHE[0], RECORD_CACHE[1]];

/// Properties of ksqlDB that do not change results: they are accepted and have no effect.
const IGNORED: [&str; 5] = [
    "commit.interval.ms",
    "ksql.query.pull.table.scan.enabled",
    "ksql.query.push.v2.enabled",
    SUPPRESS,
    "num.stream.threads",
];

/// Properties of the server that no client may set.
const PROHIBITED: [&str; 5] = [
    "bootstrap.servers",
    "ksql.extension.dir",
    "ksql.queries.file",
    "ksql.service.id",
    "listeners",
];

/// The properties of a request, by their names without `ksql.streams.`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Properties(BTreeMap<String, String>);

fn short(name: &str) -> &str {
    name.strip_prefix("ksql.streams.").unwrap_or(name)
}

/// The error for a property that clients may not set. Unknown names are refused when they are used.
pub(crate) fn prohibited(name: &str) -> Option<ApiError> {
    PROHIBITED.contains(&short(name)).then(|| {
        let message = format!(
            "One or more properties overrides set locally are prohibited by the KSQL server \
             (use UNSET to reset their default value): [{name}]"
        );
        ApiError::request(BAD_REQUEST, message)
    })
}

fn known(name: &str) -> bool {
    SUPPORTED.contains(&name) || IGNORED.contains(&name)
}

fn value_problem(name: &str, value: &str) -> Option<String> {
    let problem = settings::value_problem(name, value)?;
    Some(format!(
        "Invalid value {value} for property {name}: {problem}"
    ))
}

impl Properties {
    /// The properties of a request with the statements `sql`.
    pub(crate) fn of_request(
        given: Option<Map<String, Value>>,
        sql: &str,
    ) -> Result<Self, ApiError> {
        let mut properties = Self::default();
        for (name, value) in given.unwrap_or_default() {
            if let Some(error) = prohibited(&name) {
                return Err(error);
            }
            let value = match value {
                Value::Null => continue,
                Value::String(text) => text,
                other => other.to_string(),
            };
            if !known(short(&name)) {
                let message = format!(
                    "Not recognizable as ksql, streams, consumer, or producer property: '{name}'"
                );
                return Err(ApiError::statement(SERVER_ERROR, message, sql));
            }
            properties.insert(&name, value, sql)?;
        }
        Ok(properties)
    }

    /// `SET`: applies to the following statements of the request.
    pub(crate) fn set(&mut self, name: &str, value: &str, sql: &str) -> Result<(), ApiError> {
        self.check(name, sql)?;
        self.insert(name, value.to_owned(), sql)
    }

    /// `UNSET`
    pub(crate) fn unset(&mut self, name: &str, sql: &str) -> Result<(), ApiError> {
        self.check(name, sql)?;
        self.0.remove(short(name));
        Ok(())
    }

    fn check(&self, name: &str, sql: &str) -> Result<(), ApiError> {
        if known(short(name)) {
            return Ok(());
        }
        let message = format!("Unknown property: {name}");
        Err(ApiError::statement(BAD_STATEMENT, message, sql))
    }

    fn insert(&mut self, name: &str, value: String, sql: &str) -> Result<(), ApiError> {
        if let Some(problem) = value_problem(short(name), &value) {
            return Err(ApiError::statement(BAD_STATEMENT, problem, sql));
        }
        self.0.insert(short(name).to_owned(), value);
        Ok(())
    }

    /// Whether to read from the beginning, if it is set.
    pub(crate) fn reads_from_beginning(&self) -> Option<bool> {
        self.0.get(OFFSET_RESET).map(|reset| reset == "earliest")
    }

    /// The names and values.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The `SET` statements for these properties.
    pub(crate) fn prelude(&self) -> String {
        let set = |name: &&str| {
            let value = self.0.get(*name)?.replace('\'', "''");
            Some(format!("SET '{name}'='{value}';"))
        };
        SUPPORTED.iter().filter_map(set).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(given: Value) -> Result<Properties, ApiError> {
        Properties::of_request(given.as_object().cloned(), "SHOW STREAMS;")
    }

    #[test]
    fn the_offset_reset_works_with_and_without_its_prefix() {
        for name in ["auto.offset.reset", "ksql.streams.auto.offset.reset"] {
            let properties = of(json!({ name: "earliest" })).expect("a known property");
            assert_eq!(properties.reads_from_beginning(), Some(true));
        }
    }

    #[test]
    fn an_unsupported_value_is_refused() {
        for (name, value) in [
            ("auto.offset.reset", "none"),
            ("ksql.suppress.enabled", "false"),
            ("statestore.cache.max.bytes", "much"),
        ] {
            let error = of(json!({ name: value })).expect_err(name);
            assert_eq!(error.status(), 400);
        }
    }

    #[test]
    fn both_names_of_the_record_cache_are_supported() {
        for name in ["cache.max.bytes.buffering", "statestore.cache.max.bytes"] {
            let properties = of(json!({ name: 0 })).expect("a known property");
            assert_eq!(properties.prelude(), format!("SET '{name}'='0';"));
        }
    }

    #[test]
    fn a_number_becomes_text() {
        let properties = of(json!({"commit.interval.ms": 100})).expect("a known property");
        assert_eq!(
            properties.given().next(),
            Some(("commit.interval.ms", "100"))
        );
    }
}
