//! The executed commands, by their ids in `/status`.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use crate::sql::quoted;
use ksql_engine::registry::Registry;
use ksql_parser::ast::SourceKind;

/// The number of commands to keep.
const MAX_COMMANDS: usize = 1_000;

/// The latest commands.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    latest: VecDeque<Command>,
    count: u64,
}

/// The id of a command that creates a stream or table.
pub(crate) fn creation_id(kind: SourceKind, name: &str) -> String {
    let kind = match kind {
        SourceKind::Stream => "stream",
        SourceKind::Table => "table",
    };
    format!("{kind}/{}/create", quoted(name))
}

impl Commands {
    /// Stores a command and returns its sequence number. As in ksqlDB, the numbers are even: there, each
    /// command is a transaction on a topic.
    pub(crate) fn add(&mut self, command: Command) -> u64 {
        self.latest.retain(|known| known.id != command.id);
        self.latest.push_back(command);
        if self.latest.len() > MAX_COMMANDS {
            self.latest.pop_front();
        }
        self.count += 1;
        2 * (self.count - 1)
    }

    /// The status of a command. Includes streams and tables declared before the server started.
    pub(crate) fn status(&self, id: &str, registry: &Registry) -> Option<Value> {
        let stored = self.latest.iter().find(|command| command.id == id);
        match stored {
            Some(command) => Some(command.status()),
            None => creation_commands(registry)
                .into_iter()
                .find(|command| command.id == id)
                .map(|command| command.status()),
        }
    }

    /// The states of all commands.
    pub(crate) fn all(&self, registry: &Registry) -> Map<String, Value> {
        let declared = creation_commands(registry)
            .into_iter()
            .map(|command| command.id);
        let stored = self.latest.iter().map(|command| command.id.clone());
        declared
            .chain(stored)
            .map(|id| (id, "SUCCESS".into()))
            .collect()
    }
}

/// The commands that would create the existing streams and tables.
fn creation_commands(registry: &Registry) -> Vec<Command> {
    let command = |source: &std::sync::Arc<ksql_engine::catalog::Source>| {
        let query = registry
            .queries()
            .iter()
            .find(|query| query.sink.name == source.name);
        let message = match (query, source.kind) {
            (Some(query), _) => format!("Created query with ID {}", query.id),
            (None, SourceKind::Stream) => "Stream created".to_owned(),
            (None, SourceKind::Table) => "Table created".to_owned(),
        };
        Command {
            id: creation_id(source.kind, &source.name),
            message,
            query: query.map(|query| query.id.clone()),
        }
    };
    registry.catalog().sources().map(command).collect()
}

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

/// The entity of a statement whose name already exists, so that nothing was done.
pub(crate) fn already_exists(message: &str, sql: &str) -> Value {
    json!({
        "@type": "warning_entity",
        "statementText": sql,
        "message": message,
        "warnings": [],
    })
}
