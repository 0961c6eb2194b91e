//! The statements that changed something, by the ids under which `/status` knows them.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use crate::entities::status::Command;
use crate::sql::quoted;
use ksql_engine::registry::Registry;
use ksql_parser::ast::SourceKind;

/// How many commands are remembered.
const REMEMBERED: usize = 1_000;

/// The newest commands.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    newest: VecDeque<Command>,
    count: u64,
}

/// The id of a command that makes a stream or table.
pub(crate) fn created(kind: SourceKind, name: &str) -> String {
    let kind = match kind {
        SourceKind::Stream => "stream",
        SourceKind::Table => "table",
    };
    format!("{kind}/{}/create", quoted(name))
}

impl Commands {
    /// Remembers a command; its sequence number. ksqlDB's are even, because each command is a
    /// transaction on its topic.
    pub(crate) fn add(&mut self, command: Command) -> u64 {
        self.newest.retain(|known| known.id != command.id);
        self.newest.push_back(command);
        if self.newest.len() > REMEMBERED {
            self.newest.pop_front();
        }
        self.count += 1;
        2 * (self.count - 1)
    }

    /// One command's status. What was declared by other means than this server is known too.
    pub(crate) fn status(&self, id: &str, registry: &Registry) -> Option<Value> {
        let remembered = self.newest.iter().find(|command| command.id == id);
        match remembered {
            Some(command) => Some(command.status()),
            None => declared(registry)
                .into_iter()
                .find(|command| command.id == id)
                .map(|command| command.status()),
        }
    }

    /// All commands' states.
    pub(crate) fn all(&self, registry: &Registry) -> Map<String, Value> {
        let declared = declared(registry).into_iter().map(|command| command.id);
        let remembered = self.newest.iter().map(|command| command.id.clone());
        declared
            .chain(remembered)
            .map(|id| (id, "SUCCESS".into()))
            .collect()
    }
}

/// The commands that would make what there is.
fn declared(registry: &Registry) -> Vec<Command> {
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
            id: created(source.kind, &source.name),
            message,
            query: query.map(|query| query.id.clone()),
        }
    };
    registry.catalog().sources().map(command).collect()
}
