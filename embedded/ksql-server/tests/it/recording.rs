//! Reads a recorded request with its response.

use std::path::PathBuf;

/// A request and its response.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) answer: String,
    /// Whether the server completed the response.
    pub(super) ended: bool,
}

pub(super) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

pub(super) fn text(file: &str) -> String {
    let path = folder().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of all recorded requests.
pub(super) fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".txt") && !name.starts_with("cli-"))
        .map(|name| name.trim_end_matches(".txt").to_owned())
        .collect();
    names.sort();
    names
}

pub(super) fn read(name: &str) -> Recording {
    let text = text(&format!("{name}.txt"));
    let (request, response) = text
        .strip_prefix("### REQUEST\n")
        .and_then(|rest| rest.split_once("### RESPONSE"))
        .unwrap_or_else(|| panic!("{name} is not a recording"));
    let (_, response) = response.split_once('\n').unwrap();
    let response = response.split("\n### TIMING").next().unwrap();
    of(request, response)
}

/// Parses the texts of a request and a response.
pub(super) fn of(request: &str, response: &str) -> Recording {
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let mut lines = head.lines();
    let mut words = lines.next().unwrap().split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| {
            let name = name.to_lowercase();
            name != "host" && name != "content-length"
        })
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let (head, answer) = response.split_once("\n\n").unwrap_or((response, ""));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let header = |wanted: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.to_owned())
    };
    let (answer, ended) = if header("Transfer-Encoding").is_some() {
        unchunked(answer)
    } else {
        (answer.trim_end().to_owned(), true)
    };
    Recording {
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body: body.trim_end().to_owned(),
        status,
        content_type: header("content-type"),
        answer,
        ended,
    }
}

/// The contents of the chunks, and whether the last one was received.
fn unchunked(mut framed: &str) -> (String, bool) {
    let mut whole = String::new();
    loop {
        framed = framed.trim_start_matches('\n');
        let Some((size, rest)) = framed.split_once('\n') else {
            return (whole, framed.trim() == "0");
        };
        match usize::from_str_radix(size.trim(), 16) {
            Ok(0) => return (whole, true),
            Ok(size) if size <= rest.len() => {
                whole.push_str(&rest[..size]);
                framed = &rest[size..];
            }
            _ => return (whole, false),
        }
    }
}
