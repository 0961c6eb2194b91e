//! The catalog, the queries and the settings, and how statements change them.
//!
//! Executing a statement here does not start queries: it returns [`Effect`]s. The
//! [runtime](crate::kafka::Runtime) carries them out on Kafka, [`Engine`](crate::engine::Engine) in
//! memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::analyse::{Command, NewQuery, analyse};
use crate::catalog::{Catalog, Source, is_internal};
use crate::plan::QueryPlan;
use crate::settings::{OFFSET_RESET, RECORD_CACHE};
use ksql_parser::ast::{SourceKind, Statement, StatementKind};
use ksql_parser::error::{ErrorKind, Refusal, StatementError, located};
use ksql_parser::parse_script;

/// The maximum number of persistent queries. Each has its own consumers and threads.
const MAX_QUERIES: usize = 100;

/// A persistent query.
#[derive(Debug)]
pub struct RegisteredQuery {
    /// Its id, such as `CSAS_DIFF_WEIGHT_3`.
    pub id: String,
    /// The statement that created it.
    pub sql: String,
    /// The stream or table that it fills.
    pub sink: Arc<Source>,
    /// Its plan.
    pub plan: Arc<QueryPlan>,
    /// The number of partitions of the topics that it reads.
    pub input_partitions: u32,
    /// The number of partitions of its sink's topic.
    pub sink_partitions: u32,
    /// Whether it reads its topics from their beginning, or only new records.
    pub from_beginning: bool,
    /// Whether it is an `INSERT INTO`.
    pub(crate) inserts: bool,
}

/// An effect of a statement, for the runtime to carry out.
#[derive(Debug)]
pub enum Effect {
    /// A topic must be created.
    CreateTopic {
        /// Its name.
        topic: String,
        /// Its number of partitions.
        partitions: u32,
    },
    /// A stream or table was declared.
    Declared(Arc<Source>),
    /// A query must be started.
    Start(Arc<RegisteredQuery>),
    /// A query must be stopped.
    Stop(Arc<RegisteredQuery>),
    /// A stream or table was dropped.
    Dropped {
        /// The stream or table.
        source: Arc<Source>,
        /// Whether its topic must be deleted.
        delete_topic: bool,
    },
    /// Nothing to do, for this reason.
    Nothing(String),
    /// A property was set or unset.
    Property,
    /// A transient query.
    Select(Arc<QueryPlan>),
    /// `SHOW`, `DESCRIBE`, `EXPLAIN` or `PRINT`.
    Inspect(StatementKind),
}

/// An executed statement and its effects.
#[derive(Debug)]
pub struct Executed {
    /// The statement's text.
    pub sql: String,
    /// Its effects, in order.
    pub effects: Vec<Effect>,
}

/// The catalog, the queries and the settings.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    catalog: Catalog,
    queries: Vec<Arc<RegisteredQuery>>,
    settings: BTreeMap<String, String>,
    /// Topics that statements created: only these may be deleted.
    created: BTreeSet<String>,
    /// The number of statements that changed something. Part of a query's id.
    commands: u64,
}

impl Registry {
    /// A registry with the catalog's topics and no query.
    pub fn new(catalog: Catalog) -> Self {
        Self {
            catalog,
            ..Self::default()
        }
    }

    /// Streams, tables and topics.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The catalog, to add topics.
    pub fn catalog_mut(&mut self) -> &mut Catalog {
        &mut self.catalog
    }

    /// The persistent queries, in the order in which they were created.
    pub fn queries(&self) -> &[Arc<RegisteredQuery>] {
        &self.queries
    }

    /// Settings that apply to every script, such as `auto.offset.reset`.
    pub fn settings_mut(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.settings
    }

    /// Executes a script. All statements are checked before any takes effect. `SET` applies until the
    /// end of the script.
    ///
    /// # Errors
    /// The first refused statement; nothing has changed then.
    pub fn execute(&mut self, text: &str) -> Result<Vec<Executed>, StatementError> {
        let statements = parse_script(text)?;
        let mut trial = self.clone();
        let mut executed = Vec::with_capacity(statements.len());
        for statement in &statements {
            executed.push(trial.apply(statement, text)?);
        }
        trial.settings = std::mem::take(&mut self.settings);
        *self = trial;
        Ok(executed)
    }

    fn apply(&mut self, statement: &Statement, text: &str) -> Result<Executed, StatementError> {
        let sql = text
            .get(statement.start..statement.end)
            .unwrap_or(text)
            .to_owned();
        let command = analyse(&self.catalog, statement, text)?;
        let refuse = |message: String| {
            let refusal = Refusal {
                kind: ErrorKind::Invalid,
                at: statement.start,
                message,
            };
            located(text, refusal)
        };
        let mut effects = Vec::new();
        match command {
            Command::CreateSource(new) => {
                if let Some(partitions) = new.create_topic {
                    check_writable(&new.source.topic).map_err(refuse)?;
                    self.create_topic(&new.source.topic, partitions, &mut effects);
                }
                self.commands += 1;
                let source = Arc::new(new.source);
                self.catalog.add_source(Arc::clone(&source));
                effects.push(Effect::Declared(source));
            }
            Command::CreateQuery(new) => {
                self.check_new_query(&new).map_err(refuse)?;
                self.commands += 1;
                if new.create_topic {
                    self.create_topic(&new.sink.topic, new.partitions, &mut effects);
                }
                self.catalog.add_source(Arc::clone(&new.sink));
                let prefix = match new.sink.kind {
                    SourceKind::Stream => "CSAS",
                    SourceKind::Table => "CTAS",
                };
                let id = format!("{prefix}_{}_{}", new.sink.name, self.commands - 1);
                effects.push(Effect::Start(self.start(id, sql.clone(), new, false)));
            }
            Command::Insert(new) => {
                self.check_new_query(&new).map_err(refuse)?;
                self.commands += 1;
                let id = format!("INSERTQUERY_{}", self.commands - 1);
                effects.push(Effect::Start(self.start(id, sql.clone(), new, true)));
            }
            Command::Nothing(reason) => effects.push(Effect::Nothing(reason)),
            Command::Drop { name, delete_topic } => {
                self.drop_source(&name, delete_topic, &mut effects)
                    .map_err(refuse)?;
            }
            Command::Terminate(id) => {
                self.terminate(id.as_deref(), &mut effects)
                    .map_err(refuse)?;
            }
            Command::Set { name, value } => {
                self.settings.insert(name, value);
                effects.push(Effect::Property);
            }
            Command::Unset { name } => {
                self.settings.remove(&name);
                effects.push(Effect::Property);
            }
            Command::Select(plan) => effects.push(Effect::Select(Arc::new(plan))),
            Command::Inspect(statement) => effects.push(Effect::Inspect(statement)),
        }
        Ok(Executed { sql, effects })
    }

    fn create_topic(&mut self, topic: &str, partitions: u32, effects: &mut Vec<Effect>) {
        self.catalog.add_topic(topic, partitions);
        self.mark_created(topic);
        effects.push(Effect::CreateTopic {
            topic: topic.to_owned(),
            partitions,
        });
    }

    fn start(
        &mut self,
        id: String,
        sql: String,
        mut new: NewQuery,
        inserts: bool,
    ) -> Arc<RegisteredQuery> {
        let mut caches = RECORD_CACHE.iter();
        let cache = caches.find_map(|name| self.settings.get(*name));
        if cache.is_some_and(|bytes| bytes.parse() == Ok(0_u64)) {
            new.plan.without_record_cache();
        }
        let reset = self.settings.get(OFFSET_RESET).map(String::as_str);
        let reads_table = new
            .plan
            .sources()
            .any(|source| source.kind == SourceKind::Table);
        let input_partitions = new
            .plan
            .source_topics()
            .filter_map(|topic| self.catalog.partitions(topic))
            .max()
            .unwrap_or(1);
        let query = Arc::new(RegisteredQuery {
            id,
            sql,
            sink: new.sink,
            plan: Arc::new(new.plan),
            input_partitions,
            sink_partitions: new.partitions,
            from_beginning: reset.map_or(reads_table, |reset| reset == "earliest"),
            inserts,
        });
        self.queries.push(Arc::clone(&query));
        query
    }

    /// Records that a topic was created for a statement, so that `DELETE TOPIC` may delete it.
    pub fn mark_created(&mut self, topic: &str) {
        self.created.insert(topic.to_owned());
    }

    /// Refuses a query beyond the limit, a query that writes an internal topic, and a query that would
    /// read its own output, directly or through other queries.
    fn check_new_query(&self, new: &NewQuery) -> Result<(), String> {
        check_writable(&new.sink.topic)?;
        if self.queries.len() >= MAX_QUERIES {
            return Err(format!(
                "{} persistent queries are running, which is the limit: TERMINATE one first",
                self.queries.len()
            ));
        }
        let mut read: BTreeSet<&str> = BTreeSet::new();
        let mut pending: Vec<&str> = new.plan.source_topics().collect();
        while let Some(topic) = pending.pop() {
            if topic == new.sink.topic {
                return Err(format!(
                    "the query would read its own output from topic '{topic}' in an endless loop: \
                     write to another topic"
                ));
            }
            if read.insert(topic) {
                let writers = self
                    .queries
                    .iter()
                    .filter(|query| query.sink.topic == topic);
                pending.extend(writers.flat_map(|query| query.plan.source_topics()));
            }
        }
        Ok(())
    }

    fn drop_source(
        &mut self,
        name: &str,
        delete_topic: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<(), String> {
        let reads =
            |query: &&Arc<RegisteredQuery>| query.plan.sources().any(|source| source.name == name);
        let writes = |query: &&Arc<RegisteredQuery>| query.inserts && query.sink.name == name;
        let users: Vec<&str> = self
            .queries
            .iter()
            .filter(|query| reads(query) || writes(query))
            .map(|query| query.id.as_str())
            .collect();
        if !users.is_empty() {
            return Err(format!(
                "`{name}` cannot be dropped: {} uses it; TERMINATE it first",
                users.join(", ")
            ));
        }
        if delete_topic && let Some(source) = self.catalog.source(name) {
            let others: Vec<&str> = self
                .catalog
                .sources()
                .filter(|other| other.topic == source.topic && other.name != name)
                .map(|other| other.name.as_str())
                .collect();
            if !others.is_empty() {
                return Err(format!(
                    "Refusing to delete topic. Found other data sources ({}) using topic {}",
                    others.join(", "),
                    source.topic
                ));
            }
            if !self.created.contains(&source.topic) || source.topic.starts_with("__") {
                return Err(format!(
                    "topic '{}' cannot be deleted: no statement of this server created it; drop without DELETE TOPIC",
                    source.topic
                ));
            }
        }
        self.stop(|query| query.sink.name == name, effects);
        if let Some(source) = self.catalog.remove_source(name) {
            if delete_topic {
                self.catalog.remove_topic(&source.topic);
                self.created.remove(&source.topic);
            }
            self.commands += 1;
            effects.push(Effect::Dropped {
                source,
                delete_topic,
            });
        }
        Ok(())
    }

    fn terminate(&mut self, id: Option<&str>, effects: &mut Vec<Effect>) -> Result<(), String> {
        if let Some(id) = id
            && !self.queries.iter().any(|query| query.id == id)
        {
            return Err(format!("there is no query with the id {id}"));
        }
        self.commands += 1;
        self.stop(|query| id.is_none_or(|id| query.id == id), effects);
        Ok(())
    }

    fn stop(&mut self, which: impl Fn(&RegisteredQuery) -> bool, effects: &mut Vec<Effect>) {
        self.queries.retain(|query| {
            let ends = which(query);
            if ends {
                effects.push(Effect::Stop(Arc::clone(query)));
            }
            !ends
        });
    }
}

/// Refuses to create or write an internal topic.
fn check_writable(topic: &str) -> Result<(), String> {
    match is_internal(topic) {
        true => Err(format!(
            "topic '{topic}' is internal to Kafka, Connect or ksqlDB and read-only: use another topic"
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Stage;

    /// Whether a query runs without the record cache after these settings.
    fn uncached(settings: &str) -> bool {
        let mut registry = Registry::new(Catalog::assuming(1));
        let table =
            "CREATE STREAM S (ID VARCHAR KEY, V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
            CREATE TABLE T AS SELECT ID, COUNT(*) AS N FROM S
            WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY ID EMIT FINAL;";
        registry
            .execute(&format!("{settings}{table}"))
            .expect("supported statements");
        let Stage::Aggregate(aggregate) = &registry.queries()[0].plan.stage else {
            return false;
        };
        let window = aggregate.window.expect("a window");
        window.max_age_ms.is_some()
    }

    #[test]
    fn the_newer_name_of_the_record_cache_takes_precedence() {
        assert!(!uncached(""));
        assert!(uncached("SET 'cache.max.bytes.buffering'='0';"));
        assert!(uncached("SET 'statestore.cache.max.bytes'='0';"));
        assert!(!uncached(
            "SET 'statestore.cache.max.bytes'='9'; SET 'cache.max.bytes.buffering'='0';"
        ));
    }
}
