//! Reads test cases: an array of them, or an object with `tests` as in ksqlDB's public suite.

use serde_json::Value as Json;

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) statements: Vec<String>,
    pub(crate) topics: Vec<(String, u32)>,
    pub(crate) properties: Vec<String>,
    pub(crate) inputs: Vec<Message>,
    pub(crate) outputs: Vec<Message>,
    pub(crate) expected: Expected,
    /// What exists after the statements.
    pub(crate) sources: Vec<Json>,
    /// Whether keys and values are typed JSON rather than bytes.
    pub(crate) typed: bool,
}

/// What a case is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Its outputs.
    Outputs,
    /// A statement is refused, at this index if that is known.
    Refusal(Option<usize>),
    /// A query fails at this input.
    Failure(Option<usize>),
}

/// A record of a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) key: Payload,
    pub(crate) value: Payload,
    pub(crate) timestamp: Option<i64>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(crate) window_start: Option<i64>,
}

/// A key or a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Payload {
    #[default]
    Null,
    Bytes(Vec<u8>),
    /// To be put into the format of its stream.
    Typed(Json),
}

/// All cases of a file's text.
pub(crate) fn read(text: &str) -> Result<Vec<Case>, String> {
    let json: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match &json {
        Json::Array(list) => list.iter().map(own_case).collect(),
        Json::Object(object) => {
            let tests = object.get("tests").and_then(Json::as_array);
            let tests = tests.ok_or("neither an array of cases nor an object with `tests`")?;
            Ok(tests.iter().flat_map(public_cases).collect())
        }
        _ => Err("neither an array of cases nor an object with `tests`".to_owned()),
    }
}

fn text(json: &Json, name: &str) -> Option<String> {
    json.get(name).and_then(Json::as_str).map(str::to_owned)
}

fn list<'j>(json: &'j Json, name: &str) -> &'j [Json] {
    json.get(name)
        .and_then(Json::as_array)
        .map_or(&[], Vec::as_slice)
}

fn names(json: &Json, name: &str) -> Vec<String> {
    let object = json.get(name).and_then(Json::as_object);
    object.map_or_else(Vec::new, |object| object.keys().cloned().collect())
}

fn own_case(json: &Json) -> Result<Case, String> {
    let index = |name: &str, field: &str| {
        let exception = json.get(name)?;
        Some(
            exception
                .get(field)
                .and_then(Json::as_u64)
                .map(|index| index as usize),
        )
    };
    let expected = if let Some(statement) = index("expectedException", "statementIndex") {
        Expected::Refusal(statement)
    } else if let Some(input) = index("runtimeException", "inputIndex") {
        Expected::Failure(input)
    } else {
        Expected::Outputs
    };
    let mut properties = names(json, "properties");
    properties.extend(names(json, "serverProperties"));
    let messages = |name: &str| -> Result<Vec<Message>, String> {
        list(json, name).iter().map(own_message).collect()
    };
    Ok(Case {
        name: text(json, "name").ok_or("a case without a name")?,
        statements: list(json, "statements")
            .iter()
            .filter_map(|statement| statement.as_str().map(str::to_owned))
            .collect(),
        topics: Vec::new(),
        properties,
        inputs: messages("inputs")?,
        outputs: messages("outputs")?,
        expected,
        sources: list(json, "sources").to_vec(),
        typed: false,
    })
}

fn own_message(json: &Json) -> Result<Message, String> {
    let payload = |hex: &str, plain: &str| -> Result<Payload, String> {
        if let Some(hex) = text(json, hex) {
            return unhex(&hex).map(Payload::Bytes);
        }
        Ok(match json.get(plain) {
            Some(Json::String(text)) => Payload::Bytes(text.clone().into_bytes()),
            _ => Payload::Null,
        })
    };
    let headers = list(json, "headers")
        .iter()
        .map(|header| {
            let key = text(header, "key").unwrap_or_default();
            let value = match text(header, "value") {
                Some(value) => Some(unbase64(&value)?),
                None => None,
            };
            Ok((key, value))
        })
        .collect::<Result<_, String>>()?;
    Ok(Message {
        topic: text(json, "topic").ok_or("a record without a topic")?,
        key: payload("keyHex", "key")?,
        value: payload("valueHex", "valueText")?,
        timestamp: json.get("timestamp").and_then(Json::as_i64),
        headers,
        ..Message::default()
    })
}

/// A case with `format` stands for one case per format; `{FORMAT}` is replaced.
fn public_cases(json: &Json) -> Vec<Case> {
    let formats: Vec<String> = list(json, "format")
        .iter()
        .filter_map(|format| format.as_str().map(str::to_owned))
        .collect();
    if formats.is_empty() {
        return vec![public_case(json, None)];
    }
    formats
        .iter()
        .map(|format| public_case(json, Some(format)))
        .collect()
}

fn public_case(json: &Json, format: Option<&str>) -> Case {
    let fill = |text: &str| match format {
        Some(format) => text.replace("{FORMAT}", format),
        None => text.to_owned(),
    };
    let name = text(json, "name").unwrap_or_default();
    let topics = list(json, "topics").iter().map(|topic| match topic {
        Json::String(name) => (name.clone(), 1),
        topic => {
            let count = topic
                .get("partitions")
                .or_else(|| topic.get("numPartitions"));
            let count = count.and_then(Json::as_u64).unwrap_or(1);
            (
                text(topic, "name").unwrap_or_default(),
                u32::try_from(count).unwrap_or(1),
            )
        }
    });
    Case {
        name: match format {
            Some(format) => format!("{name} - {format}"),
            None => name,
        },
        statements: list(json, "statements")
            .iter()
            .filter_map(|statement| statement.as_str().map(&fill))
            .collect(),
        topics: topics.collect(),
        properties: names(json, "properties"),
        inputs: list(json, "inputs").iter().map(public_message).collect(),
        outputs: list(json, "outputs").iter().map(public_message).collect(),
        expected: if json
            .get("expectedException")
            .is_some_and(|exception| !exception.is_null())
        {
            Expected::Refusal(None)
        } else {
            Expected::Outputs
        },
        sources: Vec::new(),
        typed: true,
    }
}

fn public_message(json: &Json) -> Message {
    let payload = |name: &str| match json.get(name) {
        None | Some(Json::Null) => Payload::Null,
        Some(value) => Payload::Typed(value.clone()),
    };
    let window = json.get("window").filter(|window| !window.is_null());
    Message {
        topic: text(json, "topic").unwrap_or_default(),
        key: payload("key"),
        value: payload("value"),
        timestamp: json.get("timestamp").and_then(Json::as_i64),
        window_start: window
            .and_then(|window| window.get("start"))
            .and_then(Json::as_i64),
        ..Message::default()
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    (0..text.len())
        .step_by(2)
        .map(|start| {
            let pair = text
                .get(start..start + 2)
                .ok_or("odd number of hex digits")?;
            u8::from_str_radix(pair, 16).map_err(|error| error.to_string())
        })
        .collect()
}

fn unbase64(text: &str) -> Result<Vec<u8>, String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for c in text.bytes().filter(|c| *c != b'=') {
        let six = ALPHABET
            .iter()
            .position(|known| *known == c)
            .ok_or("no base64")?;
        bits = (bits << 6) | six as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Ok(bytes)
}
