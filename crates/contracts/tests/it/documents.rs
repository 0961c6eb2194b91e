//! The commands in the documentation name what is there.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use pipeline::topics;
use regex::Regex;

use crate::programs::unknown;
use crate::project::{captures, files, root, services, settings, text};

fn documents() -> Vec<String> {
    let mut all = files(".", ".md");
    all.extend(files("docs", ".md"));
    all.push("connectors/README.md".into());
    all
}

/// The commands in the shell blocks of all documents, with the document's name: every line of a
/// block `sh`, and what is typed in a block `console`.
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

/// What is `code` within the documents' sentences and tables, with the document's name.
fn spans() -> Vec<(String, String)> {
    let block = Regex::new(r"(?s)```.*?```").unwrap();
    let span = Regex::new(r"`([^`]+)`").unwrap();
    let mut found = Vec::new();
    for document in documents() {
        let whole = text(&document);
        let prose = block.replace_all(&whole, "");
        found.extend(
            span.captures_iter(&prose)
                .map(|code| (document.clone(), code[1].to_owned())),
        );
    }
    found
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

/// The program that a command calls, and the words after its name up to what the shell does with
/// them: by its own name, or through `cargo run` (the tools, if no other is named).
fn call(line: &str) -> Option<(String, Vec<&str>)> {
    let (program, arguments) = if let Some(found) = CARGO_RUN.captures(line) {
        if found[1].contains("--example") {
            return None;
        }
        let named = captures(&found[1], r"(?:-p|--package) ([\w-]+)");
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
fn documented_compose_commands_name_services_and_settings_that_are_there() {
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
fn documented_calls_of_our_programs_use_subcommands_and_flags_that_are_there() {
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
fn documented_scripts_and_crates_are_there() {
    for (document, line) in commands() {
        for script in captures(&line, r"(?:^|\s)(scripts/[\w-]+)") {
            assert!(root().join(&script).exists(), "{document}: {script}");
        }
        for name in captures(&line, r"cargo \w+ .*(?:-p|--package) ([\w-]+)") {
            let there = root().join("crates").join(&name).is_dir();
            assert!(there, "{document}: {name}");
        }
    }
}

#[test]
fn topics_in_documented_commands_are_topics_of_the_pipeline() {
    let known: BTreeSet<String> = topics::ALL
        .iter()
        .flat_map(|topic| [(*topic).to_owned(), topics::dead_letters_of(topic)])
        .collect();
    for (document, line) in commands() {
        for topic in captures(&line, r"--topic[ =]([\w-]+)") {
            assert!(known.contains(&topic), "{document}: {line}");
        }
        for topic in captures(&line, r"PRINT '([\w-]+)'") {
            assert!(known.contains(&topic), "{document}: {line}");
        }
    }
}
