//! The status of a command.

use serde_json::{Value, json};

/// An executed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// Its id, such as ``stream/`X`/create``.
    pub(crate) id: String,
    /// Its result.
    pub(crate) message: String,
    /// The query that it started.
    pub(crate) query: Option<String>,
}

impl Command {
    /// Its status: statements are executed before the response.
    pub(crate) fn status(&self) -> Value {
        json!({"status": "SUCCESS", "message": self.message, "queryId": self.query})
    }

    /// The entity of its statement.
    pub(crate) fn entity(&self, sequence: u64, warnings: &[&str], sql: &str) -> Value {
        let warnings: Vec<Value> = warnings
            .iter()
            .map(|warning| json!({"message": warning}))
            .collect();
        json!({
            "@type": "currentStatus",
            "statementText": sql,
            "commandId": self.id,
            "commandStatus": self.status(),
            "commandSequenceNumber": sequence,
            "warnings": warnings,
        })
    }
}

/// The name exists already: nothing was done.
pub(crate) fn exists_already(message: &str, sql: &str) -> Value {
    json!({
        "@type": "warning_entity",
        "statementText": sql,
        "message": message,
        "warnings": [],
    })
}
