//! What became of a statement that changes something.

use serde_json::{Value, json};

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// What was changed, such as ``stream/`X`/create``.
    pub(crate) id: String,
    /// What was done.
    pub(crate) message: String,
    /// The query that was started.
    pub(crate) query: Option<String>,
}

impl Command {
    /// Its status alone. Statements are executed before they are answered: there is no other.
    pub(crate) fn status(&self) -> Value {
        json!({"status": "SUCCESS", "message": self.message, "queryId": self.query})
    }

    /// The answer to its statement.
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

/// Nothing was to be done, because the name is taken.
pub(crate) fn exists_already(message: &str, sql: &str) -> Value {
    json!({
        "@type": "warning_entity",
        "statementText": sql,
        "message": message,
        "warnings": [],
    })
}
