//! Cases in the format of ksqlDB's public query-validation suite: keys and values are JSON, to be
//! written in the format of their stream. One test may have several cases.

use serde_json::Value as Json;

use super::cases::{Case, Expected, Message, Payload, Window, list, properties, text, unbase64};

/// The version of ksqlDB that the engine follows.
const VERSION: [u64; 3] = [8, 2, 2];

/// The cases of a test: one for each of its formats and configurations; none if it is disabled.
pub(crate) fn cases(json: &Json) -> Vec<Case> {
    if json.get("enabled").and_then(Json::as_bool) == Some(false) {
        return Vec::new();
    }
    let variants = |name: &str| {
        let named: Vec<Option<&str>> = list(json, name).iter().map(Json::as_str).collect();
        if named.is_empty() { vec![None] } else { named }
    };
    let mut cases = Vec::new();
    for format in variants("format") {
        for config in variants("config") {
            cases.push(case(json, format, config));
        }
    }
    cases
}

fn case(json: &Json, format: Option<&str>, config: Option<&str>) -> Case {
    let fill = |text: &str| {
        let mut text = text.to_owned();
        for (name, value) in [("{FORMAT}", format), ("{CONFIG}", config)] {
            text = value.map_or(text.clone(), |value| text.replace(name, value));
        }
        text
    };
    let mut name = text(json, "name").unwrap_or_default();
    for variant in [format, config].into_iter().flatten() {
        name = format!("{name} - {variant}");
    }
    let topics = list(json, "topics").iter().map(|topic| match topic {
        Json::String(name) => (fill(name), 1),
        topic => {
            let count = topic
                .get("partitions")
                .or_else(|| topic.get("numPartitions"));
            let count = count.and_then(Json::as_u64).unwrap_or(1);
            (
                text(topic, "name")
                    .map(|name| fill(&name))
                    .unwrap_or_default(),
                u32::try_from(count).unwrap_or(1),
            )
        }
    });
    let is_refused = json
        .get("expectedException")
        .is_some_and(|exception| !exception.is_null());
    let post = json.get("post").unwrap_or(&Json::Null);
    let created = post.get("topics").unwrap_or(&Json::Null);
    let properties = properties(json, "properties").into_iter();
    Case {
        name,
        statements: list(json, "statements")
            .iter()
            .filter_map(|statement| statement.as_str().map(&fill))
            .collect(),
        topics: topics.collect(),
        properties: properties
            .map(|(name, value)| (name, fill(&value)))
            .collect(),
        inputs: list(json, "inputs").iter().map(message).collect(),
        outputs: list(json, "outputs").iter().map(message).collect(),
        uncached: None,
        expected: if is_refused {
            Expected::Refusal(None)
        } else {
            Expected::Outputs
        },
        sources: list(post, "sources").to_vec(),
        created: list(created, "topics").to_vec(),
        typed: true,
        unsupported: other_version(json),
    }
}

/// Why the case does not apply to this version, if it does not.
fn other_version(json: &Json) -> Option<String> {
    let versions = json
        .get("versions")
        .filter(|versions| !versions.is_null())?;
    let bound = |name: &str| {
        let bound = text(versions, name)?;
        let parts = bound.split('.').map(|part| part.parse().unwrap_or(0));
        Some(parts.collect::<Vec<u64>>())
    };
    // A bound of two parts includes all patches.
    let until = bound("max").is_some_and(|max| VERSION[..max.len().min(3)] > *max);
    let from = bound("min").is_some_and(|min| VERSION[..min.len().min(3)] < *min);
    (until || from).then(|| format!("a case of other versions: {versions}"))
}

fn message(json: &Json) -> Message {
    let payload = |name: &str| match json.get(name) {
        None | Some(Json::Null) => Payload::Null,
        Some(value) => Payload::Typed(value.clone()),
    };
    let window = json.get("window").filter(|window| !window.is_null());
    let headers = list(json, "headers").iter().map(|header| {
        let value = text(header, "VALUE").and_then(|value| unbase64(&value).ok());
        (text(header, "KEY").unwrap_or_default(), value)
    });
    Message {
        topic: text(json, "topic").unwrap_or_default(),
        key: payload("key"),
        value: payload("value"),
        timestamp: json.get("timestamp").and_then(Json::as_i64),
        headers: headers.collect(),
        window: window.map(|window| Window {
            start: window.get("start").and_then(Json::as_i64).unwrap_or(0),
            end: window.get("end").and_then(Json::as_i64),
            is_session: text(window, "type")
                .is_some_and(|kind| kind.eq_ignore_ascii_case("session")),
        }),
    }
}
