//! The project's files, as text and as parsed values.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use regex::Regex;
use serde_json::Value;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn compose() -> Value {
    serde_saphyr::from_str(&text("docker-compose.yml")).expect("docker-compose.yml is YAML")
}

/// The service `name` of docker-compose.yml.
pub(crate) fn service(name: &str) -> Value {
    compose()["services"][name].clone()
}

/// All services of docker-compose.yml.
pub(crate) fn services() -> Vec<(String, Value)> {
    let all = compose()["services"].as_object().expect("services").clone();
    all.into_iter().collect()
}

/// The names that `.env` sets.
pub(crate) fn settings() -> BTreeSet<String> {
    captures(&text(".env"), r"(?m)^([A-Z_0-9]+)=")
}

/// The files in `folder` (not below it) whose names end with `ending`, relative to the project's root.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found: Vec<String> = std::fs::read_dir(root().join(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(ending))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    found.sort();
    found
}

/// The Rust sources below `folder`, joined into one text; empty if the folder does not exist.
pub(crate) fn sources(folder: &str) -> String {
    let Ok(entries) = std::fs::read_dir(root().join(folder)) else {
        return String::new();
    };
    entries
        .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().display()))
        .map(|path| match path.ends_with(".rs") {
            true => text(&path),
            false => sources(&path),
        })
        .collect()
}

/// The first capture of every match of `pattern`.
pub(crate) fn captures(text: &str, pattern: &str) -> BTreeSet<String> {
    // Without optimisation a regex takes much longer to compile than to search a line.
    static COMPILED: Mutex<BTreeMap<String, Regex>> = Mutex::new(BTreeMap::new());
    let regex = COMPILED
        .lock()
        .unwrap()
        .entry(pattern.to_owned())
        .or_insert_with(|| Regex::new(pattern).unwrap())
        .clone();
    let found = regex.captures_iter(text);
    found.map(|found| found[1].to_owned()).collect()
}

/// All scalars of a YAML or JSON value, as text.
pub(crate) fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(entries) => entries.values().flat_map(strings).collect(),
        Value::Null => Vec::new(),
        other => vec![other.to_string()],
    }
}
