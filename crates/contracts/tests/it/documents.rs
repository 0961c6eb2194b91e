//! The commands in the documentation name what is there.

use std::collections::BTreeSet;

use messages::topics;
use regex::Regex;

use crate::programs::program;
use crate::project::{captures, files, root, services, settings, text};

/// The lines of the shell blocks of all documents, with the document's name.
fn commands() -> Vec<(String, String)> {
    let mut documents = files(".", ".md");
    documents.extend(files("docs", ".md"));
    documents.push("connectors/README.md".into());
    let block = Regex::new(r"(?s)```sh\n(.*?)```").unwrap();
    let mut lines = Vec::new();
    for document in documents {
        for found in block.captures_iter(&text(&document)) {
            let whole = found[1].replace("\\\n", " ");
            for line in whole.lines() {
                let code = line.split(" #").next().unwrap_or_default();
                lines.push((document.clone(), code.to_owned()));
            }
        }
    }
    assert!(lines.len() > 10, "only {} commands found", lines.len());
    lines
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
    let call = Regex::new(
        r"(?:^|/|\s)(catchweight|model-server|predictor|fish-producer|monitor)(?: --)? ((?:[a-z]+|--?\w).*)",
    )
    .unwrap();
    for (document, line) in commands() {
        if line.contains("docker") || line.contains("cargo") {
            continue;
        }
        let Some(found) = call.captures(&line) else {
            continue;
        };
        let program = program(&found[1]);
        let arguments = found[2].split(['|', '>', '<', '\'', '"']).next().unwrap();
        for (nth, word) in arguments.split_whitespace().enumerate() {
            match word.strip_prefix("--") {
                Some(flag) => {
                    let flag = flag.split('=').next().unwrap();
                    let known = ["help", "version"].contains(&flag);
                    let known = known || program.flags.contains(flag);
                    assert!(known, "{document}: {line}: {word}");
                }
                None if nth == 0 && !word.starts_with('-') => {
                    let known = program.subcommands.contains(word);
                    assert!(known, "{document}: {line}: {word}");
                }
                None => {}
            }
        }
    }
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
