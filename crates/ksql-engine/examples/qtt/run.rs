//! Executes a case on the engine.

use ksql_engine::catalog::{Catalog, Source};
use ksql_engine::engine::{Engine, Input};
use ksql_engine::error::ErrorKind;
use ksql_engine::execute::Header;
use ksql_engine::formats::Format;
use ksql_engine::types::SqlType;
use serde_json::Value as Json;

use super::cases::{Case, Expected, Payload};
use super::compare;

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    /// The first difference.
    Failed(String),
    /// The statement that is outside of the subset, and why.
    Unsupported(String),
}

/// Properties that change nothing here.
const HARMLESS: [&str; 2] = ["auto.offset.reset", "ksql.suppress.enabled"];

/// Executes one case.
pub(crate) fn run(case: &Case) -> Verdict {
    let harmless =
        |name: &String| HARMLESS.contains(&name.strip_prefix("ksql.streams.").unwrap_or(name));
    if let Some(property) = case.properties.iter().find(|name| !harmless(name)) {
        return Verdict::Unsupported(format!("property {property}"));
    }
    let mut catalog = if case.typed {
        Catalog::assuming(1)
    } else {
        Catalog::new()
    };
    for (topic, partitions) in &case.topics {
        catalog.add_topic(topic, *partitions);
    }
    let mut engine = Engine::in_one_partition(catalog);
    for (index, statement) in case.statements.iter().enumerate() {
        let Err(error) = engine.execute(statement) else {
            continue;
        };
        return match case.expected {
            Expected::Refusal(expected) if expected.is_none_or(|expected| expected == index) => {
                Verdict::Passed
            }
            _ if error.kind == ErrorKind::Unsupported => {
                Verdict::Unsupported(format!("statement {index}: {error}"))
            }
            // A wrong reason for a refusal would hide a defect.
            _ => Verdict::Failed(format!("statement {index} is refused: {error}")),
        };
    }
    if let Expected::Refusal(_) = case.expected {
        return Verdict::Failed("no statement is refused".to_owned());
    }
    if let Err(difference) = compare::sources(case, engine.registry().catalog()) {
        return Verdict::Failed(difference);
    }
    match feed(case, &mut engine) {
        Ok(()) => Verdict::Passed,
        Err(difference) => Verdict::Failed(difference),
    }
}

fn feed(case: &Case, engine: &mut Engine) -> Result<(), String> {
    let mut found = Vec::new();
    let mut failed_at = None;
    for (index, message) in case.inputs.iter().enumerate() {
        let source = engine
            .registry()
            .catalog()
            .sources()
            .find(|source| source.topic == message.topic)
            .cloned();
        let bytes = |payload: &Payload, key: bool| match payload {
            Payload::Null => None,
            Payload::Bytes(bytes) => Some(bytes.clone()),
            Payload::Typed(json) => Some(typed(json, source.as_deref(), key)),
        };
        let mut key = bytes(&message.key, true);
        if let (Some(key), Some(start)) = (&mut key, message.window_start) {
            key.extend_from_slice(&start.to_be_bytes());
        }
        let processed = engine.process(Input {
            topic: message.topic.clone(),
            partition: 0,
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
        });
        found.extend(processed.records);
        if !processed.failures.is_empty() {
            failed_at = Some(index);
            break;
        }
    }
    let expected_at = match case.expected {
        Expected::Failure(index) => index,
        _ => None,
    };
    if failed_at != expected_at {
        return Err(format!(
            "a query stops at input {failed_at:?}, not {expected_at:?}"
        ));
    }
    compare::outputs(case, &case.outputs, &found, engine.registry().catalog())
}

/// The bytes of a typed key or value in the format of its stream.
fn typed(json: &Json, source: Option<&Source>, key: bool) -> Vec<u8> {
    let (format, columns) = match source {
        Some(source) if key => (source.key_format, source.schema.key.as_slice()),
        Some(source) => (source.value_format, source.schema.value.as_slice()),
        None => (Format::Kafka, &[][..]),
    };
    let types: Vec<&SqlType> = columns.iter().map(|column| &column.ty).collect();
    match (format, types.as_slice(), json) {
        (Format::Kafka, [SqlType::Integer], Json::Number(number)) => {
            (number.as_i64().unwrap_or_default() as i32)
                .to_be_bytes()
                .to_vec()
        }
        (Format::Kafka, [SqlType::BigInt], Json::Number(number)) => {
            number.as_i64().unwrap_or_default().to_be_bytes().to_vec()
        }
        (Format::Kafka, [SqlType::Double], Json::Number(number)) => {
            number.as_f64().unwrap_or_default().to_be_bytes().to_vec()
        }
        (Format::Kafka | Format::None, _, Json::String(text)) => text.clone().into_bytes(),
        _ => json.to_string().into_bytes(),
    }
}
