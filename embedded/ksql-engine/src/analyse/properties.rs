//! The `WITH` clause.

use crate::catalog::KeyWindow;
use crate::formats::Format;
use ksql_parser::Literal;
use ksql_parser::ast::Property;
use ksql_parser::error::{Refusal, invalid, unsupported};

/// Properties of ksqlDB that this engine does not support.
const UNSUPPORTED: [&str; 15] = [
    "TIMESTAMP",
    "TIMESTAMP_FORMAT",
    "VALUE_DELIMITER",
    "KEY_DELIMITER",
    "KEY_SCHEMA_ID",
    "VALUE_SCHEMA_ID",
    "KEY_SCHEMA_FULL_NAME",
    "VALUE_SCHEMA_FULL_NAME",
    "VALUE_AVRO_SCHEMA_FULL_NAME",
    "KEY_PROTOBUF_NULLABLE_REPRESENTATION",
    "VALUE_PROTOBUF_NULLABLE_REPRESENTATION",
    "SOURCED_BY_CONNECTOR",
    "QUERY_ID",
    "KEY",
    "AVRO_SCHEMA",
];

/// The most partitions that a statement may request. Each takes memory in every query on the topic.
const MAX_PARTITIONS: u32 = 1_000;

/// The values in a `WITH` clause.
#[derive(Clone, Debug, Default)]
pub(crate) struct Properties {
    pub(crate) topic: Option<String>,
    pub(crate) key_format: Option<Format>,
    pub(crate) value_format: Option<Format>,
    pub(crate) partitions: Option<u32>,
    pub(crate) window: Option<KeyWindow>,
    /// The offset of `WRAP_SINGLE_VALUE`, if it is set.
    pub(crate) wrap: Option<usize>,
    /// The offset of `KEY_FORMAT`, if it is set to a format of keys.
    pub(crate) explicit_key: Option<usize>,
}

/// Reads a clause. `declares` is true for a statement that declares columns: only it may have a
/// windowed key.
pub(crate) fn properties(list: &[Property], declares: bool) -> Result<Properties, Refusal> {
    let mut known = Properties::default();
    let mut window_type: Option<(String, usize)> = None;
    let mut window_size: Option<i64> = None;
    let mut seen: Vec<&str> = Vec::new();
    for property in list {
        let name = property.name.name.as_str();
        if seen.contains(&name) {
            bail!(invalid at property.name.at, "property {name} is set twice");
        }
        seen.push(name);
        match name {
            "KAFKA_TOPIC" => known.topic = Some(text(property)?.to_owned()),
            "VALUE_FORMAT" => known.value_format = Some(format(property)?),
            "KEY_FORMAT" => {
                let format = format(property)?;
                known.key_format = Some(format);
                known.explicit_key = (format != Format::None).then_some(property.name.at);
            }
            "FORMAT" => {
                let format = format(property)?;
                known.key_format = Some(format);
                known.value_format = Some(format);
            }
            "PARTITIONS" => known.partitions = Some(partitions(property)?),
            // Only checked here; the creator of the topic applies them.
            "REPLICAS" => drop(count(property)?),
            "RETENTION_MS" => drop(whole(property)?),
            "WRAP_SINGLE_VALUE" if property.value == Literal::Boolean(true) => {
                known.wrap = Some(property.name.at);
            }
            "WINDOW_TYPE" if declares => {
                window_type = Some((text(property)?.to_uppercase(), property.value_at));
            }
            "WINDOW_SIZE" if declares => window_size = Some(duration(property)?),
            "WRAP_SINGLE_VALUE" => {
                bail!(unsupported at property.name.at,
                    "WRAP_SINGLE_VALUE is supported as TRUE only");
            }
            // ksqlDB shows this property, but also refuses it in statements.
            "CLEANUP_POLICY" => {
                bail!(invalid at property.name.at,
                    "CLEANUP_POLICY cannot be set: STREAM, TABLE and WINDOW determine it");
            }
            _ if UNSUPPORTED.contains(&name) || name.starts_with("WINDOW_") => {
                bail!(unsupported at property.name.at, "property {name} is not supported here");
            }
            _ => {
                bail!(invalid at property.name.at,
                    "there is no property {name}; supported are KAFKA_TOPIC, KEY_FORMAT, VALUE_FORMAT, FORMAT, PARTITIONS, REPLICAS and RETENTION_MS");
            }
        }
    }
    if seen.contains(&"FORMAT") && (seen.contains(&"KEY_FORMAT") || seen.contains(&"VALUE_FORMAT"))
    {
        let at = list.first().map_or(0, |property| property.name.at);
        bail!(invalid at at, "FORMAT cannot be combined with KEY_FORMAT or VALUE_FORMAT");
    }
    known.window = match window_type {
        None if window_size.is_some() => {
            let at = list.first().map_or(0, |property| property.name.at);
            bail!(invalid at at, "WINDOW_SIZE needs a WINDOW_TYPE");
        }
        None => None,
        Some((kind, at)) => match (kind.as_str(), window_size) {
            ("TUMBLING" | "HOPPING", Some(size_ms)) => Some(KeyWindow {
                hopping: kind == "HOPPING",
                size_ms,
            }),
            ("TUMBLING" | "HOPPING", None) => {
                bail!(invalid at at, "WINDOW_TYPE needs a WINDOW_SIZE, such as '10 SECONDS'");
            }
            _ => {
                bail!(unsupported at at, "supported window types are TUMBLING and HOPPING");
            }
        },
    };
    Ok(known)
}

fn text(property: &Property) -> Result<&str, Refusal> {
    match &property.value {
        Literal::Text(text) => Ok(text),
        _ => Err(invalid(
            property.value_at,
            format!("{} takes a string in single quotes", property.name.name),
        )),
    }
}

fn whole(property: &Property) -> Result<i64, Refusal> {
    let number = match &property.value {
        Literal::Integer(number) => Some(*number),
        Literal::Text(text) => text.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| {
        invalid(
            property.value_at,
            format!("{} takes a whole number", property.name.name),
        )
    })
}

fn count(property: &Property) -> Result<u32, Refusal> {
    u32::try_from(whole(property)?)
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| {
            invalid(
                property.value_at,
                format!("{} must be positive", property.name.name),
            )
        })
}

fn partitions(property: &Property) -> Result<u32, Refusal> {
    let count = count(property)?;
    if count > MAX_PARTITIONS {
        bail!(unsupported at property.value_at,
            "PARTITIONS is {count}, expected at most {MAX_PARTITIONS}: use fewer partitions");
    }
    Ok(count)
}

fn format(property: &Property) -> Result<Format, Refusal> {
    match text(property)?.to_uppercase().as_str() {
        "JSON" => Ok(Format::Json),
        "KAFKA" => Ok(Format::Kafka),
        "NONE" if property.name.name == "KEY_FORMAT" => Ok(Format::None),
        other @ ("JSON_SR" | "AVRO" | "PROTOBUF" | "PROTOBUF_NOSR" | "DELIMITED" | "NONE") => {
            Err(unsupported(
                property.value_at,
                format!("format {other} is not supported; supported are JSON and KAFKA"),
            ))
        }
        other => Err(invalid(
            property.value_at,
            format!("there is no format {other}; supported are JSON and KAFKA"),
        )),
    }
}

fn duration(property: &Property) -> Result<i64, Refusal> {
    let text = text(property)?;
    let mut words = text.split_whitespace();
    let parsed = match (words.next(), words.next(), words.next()) {
        (Some(number), Some(unit), None) => {
            let unit = unit.to_uppercase();
            let unit = unit.strip_suffix('S').unwrap_or(&unit);
            ksql_parser::unit_ms(unit)
                .zip(number.parse::<i64>().ok())
                .and_then(|(unit, number)| unit.checked_mul(number))
        }
        _ => None,
    };
    parsed.filter(|millis| *millis > 0).ok_or_else(|| {
        invalid(
            property.value_at,
            "a window size is written as '10 SECONDS'",
        )
    })
}
