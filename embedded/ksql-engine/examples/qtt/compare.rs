//! Compares the output with the expected output.

use ksql_engine::catalog::{Catalog, Source};
use ksql_engine::execute::OutputRecord;
use ksql_engine::formats::Format;
use ksql_engine::registry::Registry;
use ksql_engine::types::SqlType;
use ksql_parser::ast::SourceKind;
use serde_json::Value as Json;

use super::cases::{Case, Message, Payload};
use super::same_json::same_row;

/// The first difference. The order between topics is ignored.
pub(crate) fn outputs(
    case: &Case,
    expected: &[Message],
    found: &[OutputRecord],
    catalog: &Catalog,
) -> Result<(), String> {
    let mut topics: Vec<&str> = expected
        .iter()
        .map(|message| message.topic.as_str())
        .collect();
    topics.extend(found.iter().map(|record| &*record.topic));
    topics.sort_unstable();
    topics.dedup();
    for topic in topics {
        let wanted: Vec<&Message> = expected
            .iter()
            .filter(|message| message.topic == topic)
            .collect();
        let written: Vec<&OutputRecord> = found
            .iter()
            .filter(|record| &*record.topic == topic)
            .collect();
        if case.typed && wanted.is_empty() {
            // The public suite lists only the relevant topics.
            continue;
        }
        let source = catalog.sources().find(|source| source.topic == topic);
        for (index, pair) in wanted.iter().zip(&written).enumerate() {
            record(pair.0, pair.1, source.map(|source| &**source))
                .map_err(|difference| format!("{topic}, record {index}: {difference}"))?;
        }
        if wanted.len() != written.len() {
            let shown = written.get(wanted.len()).map(|record| show(record));
            let missing = wanted
                .get(written.len())
                .map(|message| format!("{message:?}"));
            return Err(format!(
                "{topic}: {} records, expected {}; {}",
                written.len(),
                wanted.len(),
                shown.or(missing).unwrap_or_default()
            ));
        }
    }
    Ok(())
}

fn show(record: &OutputRecord) -> String {
    let text = |bytes: &Option<Vec<u8>>| {
        bytes.as_ref().map_or_else(
            || "null".to_owned(),
            |bytes| String::from_utf8_lossy(bytes).into_owned(),
        )
    };
    format!(
        "{} = {} @ {}",
        text(&record.key),
        text(&record.value),
        record.timestamp
    )
}

fn record(wanted: &Message, found: &OutputRecord, source: Option<&Source>) -> Result<(), String> {
    let differs = |what: &str| Err(format!("{what} differs: {wanted:?}, found {}", show(found)));
    if wanted
        .timestamp
        .is_some_and(|timestamp| timestamp != found.timestamp)
    {
        return differs("timestamp");
    }
    let is_windowed = source.is_some_and(|source| source.window.is_some());
    let key_is_right = match &wanted.key {
        Payload::Null => found.key.is_none(),
        Payload::Bytes(bytes) => found.key.as_deref() == Some(bytes.as_slice()),
        Payload::Typed(json) => {
            let key = found.key.as_deref().unwrap_or_default();
            let (key, start) = match key.split_last_chunk::<8>() {
                Some((key, start)) if is_windowed => (key, Some(i64::from_be_bytes(*start))),
                _ => (key, None),
            };
            let types = source.map_or_else(Vec::new, |source| {
                source
                    .schema
                    .key
                    .iter()
                    .map(|column| column.ty.clone())
                    .collect()
            });
            let format = source.map_or(Format::Kafka, |source| source.key_format);
            let size = source.and_then(|source| source.window.map(|window| window.size_ms));
            let window = match (wanted.window, start) {
                (Some(window), Some(start)) => {
                    let end = size.map(|size| start + size);
                    !window.is_session
                        && window.start == start
                        && window.end.is_none_or(|wanted| end == Some(wanted))
                }
                (wanted, start) => wanted.is_none() && start.is_none(),
            };
            window && typed(json, key, format, &types)
        }
    };
    if !key_is_right {
        return differs("key");
    }
    let value_is_right = match (&wanted.value, found.value.as_deref()) {
        (Payload::Null, value) => value.is_none(),
        (_, None) => false,
        (Payload::Bytes(bytes), Some(value)) => {
            let columns = source.map_or(&[][..], |source| &source.schema.value);
            same_row(bytes, value, columns)
        }
        (Payload::Typed(json), Some(value)) => {
            let types = source.map_or_else(Vec::new, |source| {
                source
                    .schema
                    .value
                    .iter()
                    .map(|column| column.ty.clone())
                    .collect()
            });
            let format = source.map_or(Format::Json, |source| source.value_format);
            typed(json, value, format, &types)
        }
    };
    if !value_is_right {
        return differs("value");
    }
    let headers = found
        .headers
        .iter()
        .map(|header| (&header.key, &header.value));
    if !wanted
        .headers
        .iter()
        .map(|(key, value)| (key, value))
        .eq(headers)
    {
        return differs("headers");
    }
    Ok(())
}

fn typed(wanted: &Json, found: &[u8], format: Format, types: &[SqlType]) -> bool {
    match (format, types) {
        (Format::Kafka, [SqlType::Integer]) => {
            let number = found.try_into().map(i32::from_be_bytes);
            number.is_ok_and(|number| wanted.as_i64() == Some(i64::from(number)))
        }
        (Format::Kafka, [SqlType::BigInt]) => {
            let number = found.try_into().map(i64::from_be_bytes);
            number.is_ok_and(|number| wanted.as_i64() == Some(number))
        }
        (Format::Kafka, [SqlType::Double]) => {
            let number = found.try_into().map(f64::from_be_bytes);
            number.is_ok_and(|number| wanted.as_f64() == Some(number))
        }
        (Format::Kafka, _) => wanted.as_str().map(str::as_bytes) == Some(found),
        _ => serde_json::from_slice::<Json>(found).is_ok_and(|found| matches(wanted, &found)),
    }
}

/// Compares as the public suite does: names in any case; null fields may be missing if the number of
/// fields is right.
fn matches(wanted: &Json, found: &Json) -> bool {
    match (wanted, found) {
        (Json::Object(wanted), Json::Object(found)) => {
            let field = |name: &String| {
                let exact = found.get(name).filter(|value| !value.is_null());
                exact.or_else(|| found.get(&name.to_uppercase()))
            };
            wanted.len() == found.len()
                && wanted
                    .iter()
                    .all(|(name, value)| matches(value, field(name).unwrap_or(&Json::Null)))
        }
        (Json::Array(wanted), Json::Array(found)) => {
            let mut pairs = wanted.iter().zip(found);
            wanted.len() == found.len() && pairs.all(|(wanted, found)| matches(wanted, found))
        }
        (wanted, found) => same(wanted, found),
    }
}

fn same(wanted: &Json, found: &Json) -> bool {
    match (wanted, found) {
        (Json::Object(wanted), Json::Object(found)) => {
            wanted.len() == found.len()
                && wanted
                    .iter()
                    .all(|(name, value)| found.get(name).is_some_and(|found| same(value, found)))
        }
        (Json::Array(wanted), Json::Array(found)) => {
            wanted.len() == found.len()
                && wanted
                    .iter()
                    .zip(found)
                    .all(|(wanted, found)| same(wanted, found))
        }
        (Json::Number(a), Json::Number(b)) => {
            a == b || (a.as_f64() == b.as_f64() && !(a.is_i64() && b.is_i64()))
        }
        (wanted, found) => wanted == found,
    }
}

/// Compares the sources after the statements.
pub(crate) fn sources(case: &Case, catalog: &Catalog) -> Result<(), String> {
    for wanted in &case.sources {
        let text = |name: &str| wanted.get(name).and_then(Json::as_str);
        let name = text("name").unwrap_or_default();
        let source = catalog
            .source(name)
            .ok_or_else(|| format!("{name} does not exist"))?;
        let found = if case.typed {
            public_source(wanted, source)
        } else {
            own_source(wanted, source)
        };
        for (field, wanted, found) in found {
            if wanted != found {
                return Err(format!("{field} of {name} is {found}, not {wanted}"));
            }
        }
    }
    Ok(())
}

/// Compares the topics after the statements. The engine creates no internal topics.
pub(crate) fn created(case: &Case, catalog: &Catalog) -> Result<(), String> {
    for wanted in &case.created {
        let name = wanted.get("name").and_then(Json::as_str);
        let name = name.unwrap_or_default();
        if name.starts_with("_confluent") {
            continue;
        }
        let source = catalog.sources().find(|source| source.topic == name);
        let source = source.ok_or_else(|| format!("topic {name} does not exist"))?;
        let mut fields = public_source(wanted, source);
        if let Some(partitions) = wanted.get("partitions") {
            let found = catalog.partitions(name).unwrap_or_default();
            fields.push(("partitions", partitions.to_string(), found.to_string()));
        }
        for (field, wanted, found) in fields {
            if wanted != found {
                return Err(format!("{field} of topic {name} is {found}, not {wanted}"));
            }
        }
    }
    Ok(())
}

/// The fields of a source: expected and found.
type Fields = Vec<(&'static str, String, String)>;

fn window_name(source: &Source) -> &'static str {
    source.window.map_or("", |window| match window.hopping {
        true => "HOPPING",
        false => "TUMBLING",
    })
}

fn own_source(wanted: &Json, source: &Source) -> Fields {
    let found = [
        ("topic", source.topic.clone()),
        ("keyFormat", source.key_format.name().to_owned()),
        ("valueFormat", source.value_format.name().to_owned()),
        ("window", window_name(source).to_owned()),
        ("schema", source.schema.to_string()),
    ];
    let text = |name: &str| wanted.get(name).and_then(Json::as_str).unwrap_or_default();
    found
        .into_iter()
        .map(|(field, found)| (field, text(field).to_owned(), found))
        .collect()
}

/// The public suite lists only the relevant fields.
fn public_source(wanted: &Json, source: &Source) -> Fields {
    let text = |json: &Json, name: &str| json.get(name).and_then(Json::as_str).map(str::to_owned);
    let format = |name: &str| match wanted.get(name) {
        Some(Json::String(format)) => Some(format.clone()),
        Some(object) => text(object, "format"),
        None => None,
    };
    let kind = match source.kind {
        SourceKind::Stream => "STREAM",
        SourceKind::Table => "TABLE",
    };
    let key = wanted.get("keyFormat").cloned().unwrap_or_default();
    let size = |size: i64| size.to_string();
    let columns = text(wanted, "schema").and_then(|columns| as_printed(&columns));
    let fields = [
        ("type", text(wanted, "type"), kind.to_owned()),
        (
            "keyFormat",
            format("keyFormat"),
            source.key_format.name().to_owned(),
        ),
        (
            "valueFormat",
            format("valueFormat"),
            source.value_format.name().to_owned(),
        ),
        (
            "windowType",
            text(&key, "windowType"),
            window_name(source).to_owned(),
        ),
        (
            "windowSize",
            key.get("windowSize").and_then(Json::as_i64).map(size),
            source.window.map_or(0, |window| window.size_ms).to_string(),
        ),
    ]
    .into_iter()
    .filter_map(|(field, wanted, found)| Some((field, wanted?.to_uppercase(), found)));
    let schema = columns.map(|columns| ("schema", columns, source.schema.to_string()));
    fields.chain(schema).collect()
}

/// A schema as the engine prints it; `None` outside of the subset.
fn as_printed(columns: &str) -> Option<String> {
    let mut registry = Registry::new(Catalog::assuming(1));
    let create = format!("CREATE STREAM X ({columns}) WITH (KAFKA_TOPIC='x', FORMAT='JSON');");
    registry.execute(&create).ok()?;
    let source = registry.catalog().source("X")?;
    Some(source.schema.to_string())
}
