//! Commands, paths and links in the documentation refer to things that exist.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use pipeline::topics;
use regex::Regex;

use crate::programs::unknown;
use crate::project::{captures, files, root, services, settings, text};

fn documents() -> Vec<String> {
    let folders = [".", "docs", "docs/decisions", "connectors", "embedded"];
    let folders = folders
        .into_iter()
        .filter(|path| root().join(path).is_dir());
    folders.flat_map(|folder| files(folder, ".md")).collect()
}

/// The shell commands in the code blocks of all documents, each with its document: every line of an
/// `sh` block, and the lines after a `$` of a `console` block.
fn commands() -> Vec<(String, String)> {
    let block = Regex::new(r"(?s)```(sh|console)\n(.*?)```").unwrap();
    let mut lines = Vec::new();
    for document in documents() {
        for found in block.captures_iter(&text(&document)) {
            let whole = found[2].replace("\\\n", " ");
            for line in whole.lines() {
                let typed = match &found[1] {
                    "console" => line.strip_prefix("$ "),
                    _ => Some(line),
                };
                let code = typed.and_then(|line| line.split(" #").next());
                lines.extend(code.map(|code| (document.clone(), code.to_owned())));
            }
        }
    }
    assert!(lines.len() > 10, "only {} commands found", lines.len());
    lines
}

/// The text of a document without its code blocks.
fn prose(document: &str) -> String {
    let block = Regex::new(r"(?s)```.*?```").unwrap();
    block.replace_all(&text(document), "").into_owned()
}

/// The inline code in the prose of all documents, each with its document.
fn spans() -> Vec<(String, String)> {
    let found = documents().into_iter().flat_map(|document| {
        let spans = captures(&prose(&document), r"`([^`]+)`");
        spans.into_iter().map(move |span| (document.clone(), span))
    });
    found.collect()
}

/// The anchors that GitHub gives the headings of a document.
fn anchors(document: &str) -> BTreeSet<String> {
    let headings = captures(&prose(document), r"(?m)^#+ (.*)$");
    let slug = |heading: &String| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.replace(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'), "")
    };
    headings.iter().map(slug).collect()
}

static CARGO_RUN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"cargo run(.*?)(?: -- (.*)|$)").unwrap());
static CALL: LazyLock<Regex> = LazyLock::new(|| {
    let variables_and_folder = r"^(?:[A-Z_]+=\S* )*(?:\S+/)?";
    let programs = "(catchweight|model-server|predictor|fish-producer|monitor)";
    Regex::new(&format!(
        r"{variables_and_folder}{programs} ((?:[a-z]+|--?\w).*)"
    ))
    .unwrap()
});

/// The program that a command calls, by its own name or through `cargo run` (`catchweight` unless
/// another package is named), and its arguments.
fn call(line: &str) -> Option<(String, Vec<&str>)> {
    let (program, arguments) = if let Some(found) = CARGO_RUN.captures(line) {
        if found[1].contains("--example") {
            return None;
        }
        let named = captures(&found[1], r"(?:-p|--package) ([a-z][\w-]*)");
        let program = named.into_iter().next();
        (
            program.unwrap_or_else(|| "catchweight".into()),
            found.get(2).map_or("", |found| found.as_str()),
        )
    } else {
        let found = CALL.captures(line)?;
        (found[1].to_owned(), found.get(2)?.as_str())
    };
    let ours = arguments.split(['|', '>', '<', '&', '\'', '"']).next()?;
    Some((program, ours.split_whitespace().collect()))
}

#[test]
fn documented_compose_commands_name_services_and_settings() {
    let names: BTreeSet<String> = services().into_iter().map(|(name, _)| name).collect();
    let settings = settings();
    let call = Regex::new(r"docker compose (?:--profile \S+ )?(up|run|logs|restart|stop|start|exec|ps|kill|pause|unpause)\b(.*)").unwrap();
    for (document, line) in commands() {
        let Some(found) = call.captures(&line) else {
            continue;
        };
        for name in captures(&found[2], r"--scale ([\w-]+)=") {
            assert!(names.contains(&name), "{document}: {line}: {name}");
        }
        let words = found[2].split_whitespace();
        let mut words = words.filter(|word| !word.starts_with('-') && !word.contains('='));
        if let Some(name) = words.next() {
            assert!(names.contains(name), "{document}: {line}: {name}");
        }
        let before = line.split("docker").next().unwrap();
        for name in captures(before, r"\b([A-Z_0-9]+)=") {
            let known = settings.contains(&name) || name == "SEED";
            assert!(known, "{document}: {line}: {name}");
        }
    }
}

#[test]
fn documented_calls_use_subcommands_and_flags_that_exist() {
    let mut checked = 0;
    for (document, line) in commands().into_iter().chain(spans()) {
        if let Some((program, words)) = call(&line) {
            assert_eq!(unknown(&program, &words), [""; 0], "{document}: {line}");
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} calls found");
}

#[test]
fn documented_packages_and_scripts_exist() {
    for (document, line) in commands().into_iter().chain(spans()) {
        for script in captures(&line, r"(?:^|\s)(scripts/[\w-]+)") {
            assert!(root().join(&script).exists(), "{document}: {script}");
        }
        for name in captures(&line, r"cargo \w+ .*(?:-p|--package) ([a-z][\w-]*)") {
            let folders = ["crates", "embedded"].map(|folder| root().join(folder).join(&name));
            let found = folders.iter().any(|folder| folder.is_dir());
            // A third-party package that the build times are compared with.
            assert!(found || name == "rdkafka-sys", "{document}: {name}");
        }
    }
}

#[test]
fn documented_paths_exist() {
    let path = Regex::new(r"^(?:crates|embedded|docs|scripts|connectors|ksql|observability|data|\.ci|\.github)/[\w./-]*$").unwrap();
    let mut checked = 0;
    // The changelog names files that are gone.
    let current = spans()
        .into_iter()
        .filter(|(document, _)| !document.ends_with("CHANGELOG.md"));
    for (document, span) in current.filter(|(_, span)| path.is_match(span)) {
        assert!(root().join(&span).exists(), "{document}: {span}");
        checked += 1;
    }
    assert!(checked > 20, "only {checked} paths found");
}

#[test]
fn links_between_documents_lead_to_files_and_headings() {
    for document in documents() {
        let folder = Path::new(&document).parent().unwrap();
        for link in captures(&prose(&document), r#"(?:\]\(|srcset="|src=")([^)"\s]+)"#) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            if path.contains("://") {
                continue;
            }
            let target = match path {
                "" => document.clone(),
                path => folder.join(path).to_str().unwrap().to_owned(),
            };
            assert!(root().join(&target).exists(), "{document}: {link}");
            if !anchor.is_empty() {
                assert!(anchors(&target).contains(anchor), "{document}: {link}");
            }
        }
    }
}

#[test]
fn documented_topics_are_topics_of_the_pipeline() {
    let known: BTreeSet<String> = topics::ALL
        .iter()
        .flat_map(|topic| [(*topic).to_owned(), topics::dead_letters_of(topic)])
        .collect();
    for (document, line) in commands() {
        for pattern in [r"--topic[ =]([\w-]+)", r"PRINT '([\w-]+)'"] {
            for topic in captures(&line, pattern) {
                assert!(known.contains(&topic), "{document}: {line}");
            }
        }
    }
}
