//! `CREATE STREAM` and `CREATE TABLE` over an existing topic.

use std::collections::HashSet;

use crate::analyse::projection::check_columns;
use crate::analyse::properties::{Properties, properties};
use crate::analyse::scope::is_reserved;
use crate::analyse::types::resolve;
use crate::catalog::{Catalog, Source};
use crate::formats::{Format, kafka};
use crate::schema::{Column, Schema};
use ksql_parser::ast::{ColumnDef, ColumnRole, Property, SourceKind, Target};
use ksql_parser::error::{Refusal, invalid, unsupported};

/// A declared source.
#[derive(Clone, Debug)]
pub(crate) struct NewSource {
    /// The source.
    pub(crate) source: Source,
    /// The number of partitions of its topic, if that must be created.
    pub(crate) create_topic: Option<u32>,
}

/// Checks a declaration.
pub(crate) fn declare(
    catalog: &Catalog,
    kind: SourceKind,
    target: &Target,
    columns: &[ColumnDef],
    with: &[Property],
    sql: &str,
) -> Result<NewSource, Refusal> {
    let at = target.name.at;
    check_columns(columns.len(), at)?;
    let schema = schema(kind, columns)?;
    let with: Properties = properties(with, true)?;
    if columns.is_empty() {
        bail!(invalid at at, "no columns: a topic's columns must be declared");
    }
    if kind == SourceKind::Table && schema.key.is_empty() {
        bail!(invalid at at, "a table needs a PRIMARY KEY column");
    }
    if schema.value.is_empty() {
        bail!(unsupported at at, "a source without value columns is not supported");
    }
    let Some(topic) = with.topic else {
        bail!(invalid at at, "the WITH clause lacks KAFKA_TOPIC");
    };
    let Some(value_format) = with.value_format else {
        bail!(invalid at at, "the WITH clause lacks VALUE_FORMAT ('JSON' or 'KAFKA')");
    };
    let key_format = with.key_format.unwrap_or(Format::Kafka);
    check_key(key_format, &schema.key, at)?;
    check_value(value_format, &schema.value, at)?;
    check_wrap(with.wrap, value_format, &schema.value)?;
    if with.window.is_some() && schema.key.is_empty() {
        bail!(invalid at at, "a windowed source needs a key column");
    }
    let create_topic = match (catalog.partitions(&topic), with.partitions) {
        (None, None) => {
            bail!(invalid at at,
                "topic '{topic}' does not exist: create it, or write PARTITIONS=n in the WITH clause to have it created");
        }
        (None, Some(partitions)) => Some(partitions),
        (Some(existing), Some(wanted))
            if existing != wanted && catalog.registered_partitions(&topic).is_some() =>
        {
            bail!(invalid at at, "topic '{topic}' has {existing} partitions, expected {wanted}");
        }
        (Some(_), wanted) => wanted.filter(|_| catalog.registered_partitions(&topic).is_none()),
    };
    Ok(NewSource {
        source: Source {
            name: target.name.name.clone(),
            kind,
            topic,
            key_format,
            value_format,
            schema,
            window: with.window,
            sql: sql.to_owned(),
        },
        create_topic,
    })
}

fn schema(kind: SourceKind, columns: &[ColumnDef]) -> Result<Schema, Refusal> {
    let mut schema = Schema::default();
    let mut names = HashSet::new();
    for definition in columns {
        let name = &definition.name.name;
        let ty = resolve(&definition.ty)?;
        if is_reserved(name) {
            bail!(invalid at definition.name.at, "`{name}` is the name of a pseudo column");
        }
        if !names.insert(name) {
            bail!(invalid at definition.name.at, "column `{name}` is declared twice");
        }
        let column = Column {
            name: name.clone(),
            ty,
        };
        match (definition.role, kind) {
            (ColumnRole::Value, _) => schema.value.push(column),
            (ColumnRole::Key, SourceKind::Stream) | (ColumnRole::PrimaryKey, SourceKind::Table) => {
                schema.key.push(column);
            }
            (ColumnRole::Key, SourceKind::Table) => {
                bail!(invalid at definition.name.at, "tables have a PRIMARY KEY, streams a KEY");
            }
            (ColumnRole::PrimaryKey, SourceKind::Stream) => {
                bail!(invalid at definition.name.at, "streams have a KEY, tables a PRIMARY KEY");
            }
            (ColumnRole::Headers, _) => {
                bail!(unsupported at definition.name.at, "HEADERS columns are not supported");
            }
        }
    }
    Ok(schema)
}

/// Checks that the format supports these key columns.
pub(crate) fn check_key(format: Format, columns: &[Column], at: usize) -> Result<(), Refusal> {
    if let Some(column) = columns.iter().find(|column| column.ty.has_decimal()) {
        bail!(unsupported at at, "key column `{}` is a DECIMAL", column.name);
    }
    match (format, columns) {
        (_, []) => Ok(()),
        (Format::None, _) => Err(invalid(at, "KEY_FORMAT NONE allows no key columns")),
        (Format::Kafka, [column]) if kafka::supports(&column.ty) => Ok(()),
        (Format::Kafka, [column]) => Err(invalid(
            at,
            format!("a key of type {} needs KEY_FORMAT='JSON'", column.ty),
        )),
        (Format::Kafka, _) => Err(invalid(
            at,
            "a key of several columns needs KEY_FORMAT='JSON'",
        )),
        (Format::Json, columns) => {
            // Equal maps may have different bytes.
            let map = columns.iter().find(|column| column.ty.has_map());
            match map {
                Some(column) => Err(invalid(
                    at,
                    format!("key column `{}` contains a MAP", column.name),
                )),
                None => Ok(()),
            }
        }
    }
}

/// Checks that `WRAP_SINGLE_VALUE`, at offset `wrap`, applies to these value columns.
pub(crate) fn check_wrap(
    wrap: Option<usize>,
    format: Format,
    columns: &[Column],
) -> Result<(), Refusal> {
    match wrap {
        Some(at) if columns.len() != 1 => {
            Err(invalid(at, "WRAP_SINGLE_VALUE is for values of one column"))
        }
        Some(at) if format == Format::Kafka => Err(invalid(
            at,
            "WRAP_SINGLE_VALUE is not for values in KAFKA format",
        )),
        _ => Ok(()),
    }
}

/// Checks that the format supports these value columns.
pub(crate) fn check_value(format: Format, columns: &[Column], at: usize) -> Result<(), Refusal> {
    match (format, columns) {
        (Format::Kafka, [column]) if kafka::supports(&column.ty) => Ok(()),
        (Format::Kafka, _) => Err(invalid(
            at,
            "VALUE_FORMAT='KAFKA' supports one column of type INTEGER, BIGINT, DOUBLE or VARCHAR",
        )),
        (Format::None, _) => Err(unsupported(at, "VALUE_FORMAT NONE is not supported")),
        (Format::Json, _) => Ok(()),
    }
}
