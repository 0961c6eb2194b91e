//! Executes a case on the engine.

use ksql_engine::catalog::{Catalog, Source};
use ksql_engine::execute::{Header, Record};
use ksql_engine::formats::Format;
use ksql_engine::registry::Registry;
use ksql_engine::types::SqlType;
use ksql_parser::error::ErrorKind;
use serde_json::Value as Json;

use super::cases::{Case, Expected, Message, Payload};
use super::compare;
use super::driver::{Driver, RunOutput};

/// The verdict on a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    /// The first difference.
    Failed(String),
    /// The statement that is outside of the subset, and why.
    Unsupported(String),
}

/// A property of older versions; newer ones behave as if it were set.
const ANY_KEY_NAME: &str = "ksql.any.key.name.enabled";

/// Executes one case.
pub(crate) fn run(case: &Case) -> Verdict {
    if let Some(reason) = &case.unsupported {
        return Verdict::Unsupported(reason.clone());
    }
    if !case.typed {
        return match (&case.uncached, execute(case, true, &case.outputs)) {
            (Some(uncached), Verdict::Passed) => execute(case, false, uncached),
            (_, verdict) => verdict,
        };
    }
    // ksqlDB's suite runs without the record cache. From version 7.3 on, this loses some final
    // windows; earlier versions lost none.
    let is_final = |statement: &String| statement.to_uppercase().contains("EMIT FINAL");
    match execute(case, false, &case.outputs) {
        Verdict::Failed(difference) if case.statements.iter().any(is_final) => {
            match execute(case, true, &case.outputs) {
                Verdict::Passed => Verdict::Passed,
                _ => Verdict::Failed(difference),
            }
        }
        verdict => verdict,
    }
}

fn execute(case: &Case, cached: bool, outputs: &[Message]) -> Verdict {
    let mut catalog = if case.typed {
        Catalog::assuming(1)
    } else {
        Catalog::new()
    };
    for (topic, partitions) in &case.topics {
        catalog.add_topic(topic, *partitions);
    }
    let mut registry = Registry::new(catalog);
    let settings = case
        .properties
        .iter()
        .filter(|(name, _)| name != ANY_KEY_NAME);
    for (name, value) in settings {
        let name = name.strip_prefix("ksql.streams.").unwrap_or(name);
        let set = format!("SET '{name}'='{}';", value.replace('\'', "''"));
        if let Err(error) = registry.execute(&set) {
            return Verdict::Unsupported(format!("property {name}: {error}"));
        }
        registry
            .settings_mut()
            .insert(name.to_owned(), value.clone());
    }
    if !cached {
        let settings = registry.settings_mut();
        settings.insert("cache.max.bytes.buffering".to_owned(), "0".to_owned());
    }
    for (index, statement) in case.statements.iter().enumerate() {
        let Err(error) = registry.execute(statement) else {
            continue;
        };
        return match case.expected {
            _ if error.kind == ErrorKind::Unsupported => {
                Verdict::Unsupported(format!("statement {index}: {error}"))
            }
            Expected::Refusal(expected) if expected.is_none_or(|expected| expected == index) => {
                Verdict::Passed
            }
            // ksqlDB accepts the statement.
            _ => Verdict::Failed(format!("statement {index} was refused: {error}")),
        };
    }
    if case.expected == Expected::Outputs
        && let Err(difference) = compare::sources(case, registry.catalog())
            .and_then(|()| compare::created(case, registry.catalog()))
    {
        return Verdict::Failed(difference);
    }
    let inputs = case.inputs.iter();
    let inputs = inputs.map(|message| input(message, registry.catalog()));
    let inputs: Vec<Record> = inputs.collect();
    let mut driver = Driver::new(&registry);
    let output: RunOutput = match case.typed {
        true => driver.feed_by_query(inputs),
        false => driver.feed(inputs),
    };
    match case.expected {
        // An exception in the public suite may be the failure of a query.
        Expected::Refusal(_) if case.typed && output.stopped_at.is_some() => Verdict::Passed,
        Expected::Refusal(_) => Verdict::Failed("no statement was refused".to_owned()),
        Expected::Outputs | Expected::Failure(_) => {
            let expected = match case.expected {
                Expected::Failure(index) => index,
                _ => None,
            };
            if output.stopped_at != expected {
                let (found, wanted) = (output.stopped_at, expected);
                return Verdict::Failed(format!(
                    "a query stopped at input {found:?}, expected {wanted:?}"
                ));
            }
            match compare::outputs(case, outputs, &output.records, registry.catalog()) {
                Ok(()) => Verdict::Passed,
                Err(difference) => Verdict::Failed(difference),
            }
        }
    }
}

fn input(message: &Message, catalog: &Catalog) -> Record {
    let mut sources = catalog.sources();
    let source = sources.find(|source| source.topic == message.topic);
    let bytes = |payload: &Payload, key: bool| match payload {
        Payload::Null => None,
        Payload::Bytes(bytes) => Some(bytes.clone()),
        Payload::Typed(json) => Some(typed(json, source.map(|source| &**source), key)),
    };
    let mut key = bytes(&message.key, true);
    if let (Some(key), Some(window)) = (&mut key, message.window) {
        key.extend_from_slice(&window.start.to_be_bytes());
    }
    Record {
        topic: message.topic.as_str().into(),
        partition: 0,
        offset: 0,
        key,
        value: bytes(&message.value, false),
        timestamp: message.timestamp.unwrap_or(0),
        headers: message
            .headers
            .iter()
            .map(|(key, value)| Header {
                key: key.clone(),
                value: value.clone(),
            })
            .collect(),
    }
}

/// The bytes of a typed key or value in the format of its stream.
fn typed(json: &Json, source: Option<&Source>, key: bool) -> Vec<u8> {
    let (format, columns) = match source {
        Some(source) if key => (source.key_format, source.schema.key.as_slice()),
        Some(source) => (source.value_format, source.schema.value.as_slice()),
        None => (Format::Kafka, &[][..]),
    };
    let types: Vec<&SqlType> = columns.iter().map(|column| &column.ty).collect();
    // A number may be quoted, and an integer may have a decimal point.
    let text = json
        .as_str()
        .map_or_else(|| json.to_string(), str::to_owned);
    let double = text.parse::<f64>().unwrap_or_default();
    let whole = text.parse::<i64>().unwrap_or(double as i64);
    match (format, types.as_slice()) {
        (Format::Kafka, [SqlType::Integer]) => (whole as i32).to_be_bytes().to_vec(),
        (Format::Kafka, [SqlType::BigInt]) => whole.to_be_bytes().to_vec(),
        (Format::Kafka, [SqlType::Double]) => double.to_be_bytes().to_vec(),
        (Format::Kafka | Format::None, _) => text.into_bytes(),
        _ => json.to_string().into_bytes(),
    }
}
