//! Reads test cases: an array of them, or an object with `tests` as in ksqlDB's public suite.

use serde_json::Value as Json;

use super::public;

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) statements: Vec<String>,
    pub(crate) topics: Vec<(String, u32)>,
    /// Names and values.
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) inputs: Vec<Message>,
    pub(crate) outputs: Vec<Message>,
    /// The output without the record cache, if it differs.
    pub(crate) uncached: Option<Vec<Message>>,
    pub(crate) expected: Expected,
    /// The sources after the statements.
    pub(crate) sources: Vec<Json>,
    /// The topics after the statements.
    pub(crate) created: Vec<Json>,
    /// Whether keys and values are typed JSON rather than bytes.
    pub(crate) typed: bool,
    /// Why it is unsupported, if this is known before the run.
    pub(crate) unsupported: Option<String>,
}

/// What a case expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Its outputs.
    Outputs,
    /// A statement is refused; its index, if known.
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
    pub(crate) window: Option<Window>,
}

/// The window in a record's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: i64,
    pub(crate) end: Option<i64>,
    pub(crate) is_session: bool,
}

/// A key or a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Payload {
    #[default]
    Null,
    Bytes(Vec<u8>),
    /// JSON, to be written in the format of its stream.
    Typed(Json),
}

/// All cases in the text of a file.
pub(crate) fn read(text: &str) -> Result<Vec<Case>, String> {
    let text = without_comments(text);
    let json: Json = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match &json {
        Json::Array(list) => list.iter().map(own_case).collect(),
        Json::Object(object) => {
            let tests = object.get("tests").and_then(Json::as_array);
            let tests = tests.ok_or("neither an array of cases nor an object with `tests`")?;
            Ok(tests.iter().flat_map(public::cases).collect())
        }
        _ => Err("neither an array of cases nor an object with `tests`".to_owned()),
    }
}

/// JSON without `//` and `/* */` comments, which the public suite uses. Keeps the lines.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let (mut rest, mut in_string) = (text, false);
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '\\' if in_string => rest.chars().take(2).map(char::len_utf8).sum(),
            '/' if !in_string && rest.starts_with("//") => {
                rest = rest.find('\n').map_or("", |end| &rest[end..]);
                continue;
            }
            '/' if !in_string && rest.starts_with("/*") => {
                let (comment, after) = rest.split_once("*/").unwrap_or((rest, ""));
                kept.extend(comment.matches('\n'));
                rest = after;
                continue;
            }
            c => c.len_utf8(),
        };
        in_string ^= c == '"';
        let (plain, after) = rest.split_at(taken);
        kept.push_str(plain);
        rest = after;
    }
    kept
}

pub(crate) fn text(json: &Json, name: &str) -> Option<String> {
    json.get(name).and_then(Json::as_str).map(str::to_owned)
}

pub(crate) fn list<'j>(json: &'j Json, name: &str) -> &'j [Json] {
    json.get(name)
        .and_then(Json::as_array)
        .map_or(&[], Vec::as_slice)
}

/// An object's entries, the values as texts.
pub(crate) fn properties(json: &Json, name: &str) -> Vec<(String, String)> {
    let object = json.get(name).and_then(Json::as_object);
    let text = |value: &Json| match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let entries = object.into_iter().flatten();
    entries
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
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
    let mut settings = properties(json, "properties");
    settings.extend(properties(json, "serverProperties"));
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
        properties: settings,
        inputs: messages("inputs")?,
        outputs: messages("outputs")?,
        uncached: match json.get("outputsWithoutCache") {
            Some(_) => Some(messages("outputsWithoutCache")?),
            None => None,
        },
        expected,
        sources: list(json, "sources").to_vec(),
        created: Vec::new(),
        typed: false,
        unsupported: None,
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

pub(crate) fn unbase64(text: &str) -> Result<Vec<u8>, String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for c in text.bytes().filter(|c| *c != b'=') {
        let six = ALPHABET
            .iter()
            .position(|known| *known == c)
            .ok_or("invalid base64")?;
        bits = (bits << 6) | six as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Ok(bytes)
}
