//! `CREATE …` in ksqlDB's own form, with a completed `WITH` clause.

use std::collections::BTreeMap;

use crate::sql::expression::literal;
use crate::sql::{name, query, type_name};
use ksql_engine::catalog::Catalog;
use ksql_parser::Literal;
use ksql_parser::ast::{ColumnRole, Property, SourceKind, StatementKind, Target};

/// The settings of the topic that a `CREATE … AS SELECT` writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicSettings {
    /// Its number of partitions.
    pub(crate) partitions: u32,
    /// Its number of replicas.
    pub(crate) replicas: u32,
    /// How long it keeps records, in milliseconds; -1: forever.
    pub(crate) retention_ms: i64,
}

/// The statement, if it is a `CREATE`. `settings` are the settings of a query's sink topic.
pub(crate) fn create(
    statement: &StatementKind,
    settings: Option<&TopicSettings>,
    catalog: &Catalog,
) -> Option<String> {
    match statement {
        StatementKind::CreateSource {
            kind,
            target,
            columns,
            properties,
        } => {
            let mut with = with_entries(properties);
            with.entry("KEY_FORMAT".to_owned())
                .or_insert_with(|| "'KAFKA'".to_owned());
            let policy = match kind {
                SourceKind::Stream => "'delete'",
                SourceKind::Table => "'compact'",
            };
            with.insert("CLEANUP_POLICY".to_owned(), policy.to_owned());
            let columns: Vec<String> = columns
                .iter()
                .map(|column| {
                    let role = match column.role {
                        ColumnRole::Value => "",
                        ColumnRole::Key => " KEY",
                        ColumnRole::PrimaryKey => " PRIMARY KEY",
                        ColumnRole::Headers => " HEADERS",
                    };
                    format!(
                        "{} {}{role}",
                        name(&column.name.name),
                        type_name(&column.ty)
                    )
                })
                .collect();
            let columns = if columns.is_empty() {
                String::new()
            } else {
                format!(" ({})", columns.join(", "))
            };
            Some(format!(
                "{}{columns} WITH ({});",
                head(*kind, target),
                clause(&with)
            ))
        }
        StatementKind::CreateAs {
            kind,
            target,
            properties,
            query: select,
        } => {
            let mut with = with_entries(properties);
            with.entry("KAFKA_TOPIC".to_owned())
                .or_insert_with(|| format!("'{}'", target.name.name));
            let policy = match (kind, &select.window) {
                (SourceKind::Stream, _) => "'delete'",
                (SourceKind::Table, Some(_)) => "'compact,delete'",
                (SourceKind::Table, None) => "'compact'",
            };
            with.insert("CLEANUP_POLICY".to_owned(), policy.to_owned());
            if let Some(settings) = settings {
                with.insert("PARTITIONS".to_owned(), settings.partitions.to_string());
                with.insert("REPLICAS".to_owned(), settings.replicas.to_string());
                with.insert("RETENTION_MS".to_owned(), settings.retention_ms.to_string());
            }
            let select = query::query(select, catalog);
            Some(format!(
                "{} WITH ({}) AS {select};",
                head(*kind, target),
                clause(&with)
            ))
        }
        _ => None,
    }
}

fn head(kind: SourceKind, target: &Target) -> String {
    let replace = if target.or_replace { "OR REPLACE " } else { "" };
    let kind = match kind {
        SourceKind::Stream => "STREAM",
        SourceKind::Table => "TABLE",
    };
    let if_not_exists = if target.if_not_exists {
        "IF NOT EXISTS "
    } else {
        ""
    };
    format!(
        "CREATE {replace}{kind} {if_not_exists}{}",
        name(&target.name.name)
    )
}

fn with_entries(properties: &[Property]) -> BTreeMap<String, String> {
    let value = |property: &Property| match &property.value {
        // Numbers may be quoted.
        Literal::Text(digits) if is_count(property) && digits.parse::<i64>().is_ok() => {
            digits.clone()
        }
        value => literal(value),
    };
    properties
        .iter()
        .map(|property| (property.name.name.clone(), value(property)))
        .collect()
}

fn is_count(property: &Property) -> bool {
    matches!(
        property.name.name.as_str(),
        "PARTITIONS" | "REPLICAS" | "RETENTION_MS"
    )
}

fn clause(with: &BTreeMap<String, String>) -> String {
    let entries: Vec<String> = with
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    entries.join(", ")
}
