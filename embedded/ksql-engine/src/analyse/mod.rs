//! From a statement to a [`Command`]: resolves names, checks types, and refuses what ksqlDB refuses.
//! [`analyse`] only reads the catalog.

/// Returns from the function with a refusal of a statement: `bail!(invalid at offset, "message")`.
macro_rules! bail {
    ($kind:ident at $at:expr, $($message:tt)+) => {
        return Err(ksql_parser::error::$kind($at, format!($($message)+)))
    };
}

mod grouping;
mod join;
mod projection;
mod properties;
mod query;
mod rewrite;
mod scope;
mod source;
mod types;
mod typing;

use std::sync::Arc;

use crate::analyse::properties::properties;
use crate::analyse::query::Purpose;
use crate::analyse::source::{NewSource, check_key, check_value, check_wrap};
use crate::catalog::{Catalog, Source};
use crate::formats::Format;
use crate::plan::{QueryPlan, Stage};
use crate::settings::{RECORD_CACHE, SUPPRESS, is_record_cache, value_problem};
use ksql_parser::ast::{Property, Query, SourceKind, Statement, StatementKind, Target};
use ksql_parser::error::{Refusal, StatementError, invalid, located};

/// A checked statement.
#[derive(Debug)]
pub(crate) enum Command {
    /// A new stream or table over a topic.
    CreateSource(NewSource),
    /// A new stream or table and the query that fills it.
    CreateQuery(NewQuery),
    /// A query that fills an existing stream.
    Insert(NewQuery),
    /// `IF NOT EXISTS` or `IF EXISTS` applies, for this reason.
    Nothing(String),
    /// A stream or table is dropped.
    Drop {
        /// Its name.
        name: String,
        /// Whether its topic is deleted too.
        delete_topic: bool,
    },
    /// A query ends, or all of them.
    Terminate(Option<String>),
    /// A setting for the statements that follow.
    Set {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A setting returns to its default.
    Unset {
        /// Its name.
        name: String,
    },
    /// A transient query.
    Select(QueryPlan),
    /// `SHOW`, `DESCRIBE`, `PRINT` or `EXPLAIN`.
    Inspect(StatementKind),
}

/// A query that writes into a topic.
#[derive(Debug)]
pub(crate) struct NewQuery {
    /// The stream or table that it fills.
    pub(crate) sink: Arc<Source>,
    /// Its plan.
    pub(crate) plan: QueryPlan,
    /// The number of partitions of the sink's topic.
    pub(crate) partitions: u32,
    /// Whether the topic must be created.
    pub(crate) create_topic: bool,
}

/// Checks one statement of `text` against the catalog.
///
/// # Errors
/// Why the statement is refused, with line and column in `text`.
pub(crate) fn analyse(
    catalog: &Catalog,
    statement: &Statement,
    text: &str,
) -> Result<Command, StatementError> {
    let sql = text.get(statement.start..statement.end).unwrap_or(text);
    command(catalog, statement, sql).map_err(|refusal| located(text, refusal))
}

impl Catalog {
    /// The plan of a `SELECT … EMIT CHANGES` in `text`.
    ///
    /// # Errors
    /// Why the statement is refused, with line and column in `text`.
    pub fn plan_select(&self, query: &Query, text: &str) -> Result<QueryPlan, StatementError> {
        query::analyse(self, query, Purpose::Listen).map_err(|refusal| located(text, refusal))
    }
}

fn command(catalog: &Catalog, statement: &Statement, sql: &str) -> Result<Command, Refusal> {
    match &statement.kind {
        StatementKind::CreateSource {
            kind,
            target,
            columns,
            properties,
        } => {
            let new = source::declare(catalog, *kind, target, columns, properties, sql)?;
            Ok(match existing(catalog, *kind, target)? {
                Some(nothing) => nothing,
                None => Command::CreateSource(new),
            })
        }
        StatementKind::CreateAs {
            kind,
            target,
            properties,
            query,
        } => {
            if let Some(nothing) = existing(catalog, *kind, target)? {
                return Ok(nothing);
            }
            create_query(catalog, *kind, target, properties, query, sql).map(Command::CreateQuery)
        }
        StatementKind::InsertInto { target, query } => {
            insert(catalog, &target.name, target.at, query).map(Command::Insert)
        }
        StatementKind::Drop {
            kind,
            if_exists,
            name,
            delete_topic,
        } => match catalog.source(&name.name) {
            Some(source) if source.kind == *kind => Ok(Command::Drop {
                name: name.name.clone(),
                delete_topic: *delete_topic,
            }),
            Some(_) => Err(invalid(
                name.at,
                format!("`{}` is a {}", name.name, kind_name(other(*kind))),
            )),
            None if *if_exists => Ok(Command::Nothing(format!(
                "Source {} does not exist.",
                name.name
            ))),
            None => Err(invalid(
                name.at,
                format!("there is no {} `{}`", kind_name(*kind), name.name),
            )),
        },
        StatementKind::Terminate { query } => Ok(Command::Terminate(
            query.as_ref().map(|query| query.name.clone()),
        )),
        StatementKind::Set { name, value, at } => set(name, Some(value), *at),
        StatementKind::Unset { name, at } => set(name, None, *at),
        StatementKind::Select(query) => {
            query::analyse(catalog, query, Purpose::Listen).map(Command::Select)
        }
        StatementKind::Describe { name, .. } if catalog.source(&name.name).is_none() => {
            Err(invalid(
                name.at,
                format!("there is no stream or table `{}`", name.name),
            ))
        }
        other => Ok(Command::Inspect(other.clone())),
    }
}

/// `SET` and `UNSET`.
fn set(name: &str, value: Option<&str>, at: usize) -> Result<Command, Refusal> {
    let short = name.strip_prefix("ksql.streams.").unwrap_or(name);
    if !matches!(short, "auto.offset.reset" | SUPPRESS) && !is_record_cache(short) {
        let [other, cache] = RECORD_CACHE;
        bail!(unsupported at at,
            "property '{name}' is not supported; supported are 'auto.offset.reset' and '{cache}' or '{other}'");
    }
    if let Some(problem) = value.and_then(|value| value_problem(short, value)) {
        bail!(invalid at at, "'{name}': {problem}");
    }
    Ok(match value {
        Some(value) => Command::Set {
            name: short.to_owned(),
            value: value.to_owned(),
        },
        None => Command::Unset {
            name: short.to_owned(),
        },
    })
}

fn kind_name(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Stream => "stream",
        SourceKind::Table => "table",
    }
}

fn other(kind: SourceKind) -> SourceKind {
    match kind {
        SourceKind::Stream => SourceKind::Table,
        SourceKind::Table => SourceKind::Stream,
    }
}

/// The command if the name is already in use; `None` if it is free.
fn existing(
    catalog: &Catalog,
    kind: SourceKind,
    target: &Target,
) -> Result<Option<Command>, Refusal> {
    let name = &target.name;
    let Some(source) = catalog.source(&name.name) else {
        return Ok(None);
    };
    if target.if_not_exists {
        return Ok(Some(Command::Nothing(format!(
            "Cannot add {} `{}`: A {} with the same name already exists.",
            kind_name(kind),
            name.name,
            kind_name(source.kind)
        ))));
    }
    if target.or_replace {
        bail!(unsupported at name.at,
            "OR REPLACE of an existing stream or table is not supported: DROP it first");
    }
    Err(invalid(
        name.at,
        format!(
            "a {} `{}` already exists",
            kind_name(source.kind),
            name.name
        ),
    ))
}

fn create_query(
    catalog: &Catalog,
    kind: SourceKind,
    target: &Target,
    with: &[Property],
    query: &Query,
    sql: &str,
) -> Result<NewQuery, Refusal> {
    let at = target.name.at;
    let with = properties(with, false)?;
    let plan = query::analyse(catalog, query, Purpose::Fill(kind))?;
    let schema = plan.schema();
    let left = plan.inputs.first();
    let value_format = with
        .value_format
        .or_else(|| left.map(|source| source.value_format))
        .unwrap_or(Format::Json);
    let key_format = with.key_format.unwrap_or_else(|| default_key_format(&plan));
    if let (Some(at), Stage::Rekeyed, []) = (with.explicit_key, &plan.stage, &*schema.key) {
        bail!(invalid at at, "KEY_FORMAT is set, but PARTITION BY NULL leaves no key");
    }
    check_key(key_format, &schema.key, at)?;
    check_value(value_format, &schema.value, at)?;
    check_wrap(with.wrap, value_format, &schema.value)?;
    let topic = with.topic.unwrap_or_else(|| target.name.name.clone());
    let inherited = left.and_then(|source| catalog.partitions(&source.topic));
    let partitions = with.partitions.or(inherited).unwrap_or(1);
    let existing = catalog.registered_partitions(&topic);
    if let Some(existing) = existing.filter(|existing| *existing != partitions) {
        bail!(invalid at at, "topic '{topic}' has {existing} partitions, expected {partitions}");
    }
    Ok(NewQuery {
        sink: Arc::new(Source {
            name: target.name.name.clone(),
            kind,
            topic,
            key_format,
            value_format,
            schema,
            window: plan.window,
            sql: sql.to_owned(),
        }),
        plan,
        partitions,
        create_topic: existing.is_none(),
    })
}

/// The key format of the left source. KAFKA for a new key if it has no key.
fn default_key_format(plan: &QueryPlan) -> Format {
    let keyless = plan.columns.iter().all(|column| column.key.is_none());
    if keyless && matches!(plan.stage, Stage::Rekeyed) {
        return Format::None;
    }
    match plan.inputs.first().map(|source| source.key_format) {
        Some(Format::None) if !keyless => Format::Kafka,
        Some(format) => format,
        None => Format::Kafka,
    }
}

fn insert(catalog: &Catalog, name: &str, at: usize, query: &Query) -> Result<NewQuery, Refusal> {
    let Some(sink) = catalog.source(name) else {
        bail!(invalid at at, "there is no stream `{name}`");
    };
    if sink.kind == SourceKind::Table {
        bail!(invalid at at, "INSERT INTO needs a stream, got a table");
    }
    let plan = query::analyse(catalog, query, Purpose::Fill(SourceKind::Stream))?;
    if plan.schema() != sink.schema || plan.window != sink.window {
        bail!(invalid at at,
            "the SELECT has the schema {}, but `{name}` has {}", plan.schema(), sink.schema);
    }
    Ok(NewQuery {
        sink: Arc::clone(sink),
        plan,
        partitions: catalog.partitions(&sink.topic).unwrap_or(1),
        create_topic: false,
    })
}
