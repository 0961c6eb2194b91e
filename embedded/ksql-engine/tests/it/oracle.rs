//! Compares the engine with the recorded behaviour of a real ksqlDB (`tests/cases`): version 7.9.0, in
//! files from `10-` on version 8.2.2. `verdicts.txt` in that folder names every case: `pass` if the engine
//! behaves the same, `refused` if a statement is outside of the subset. Cases with a different result are
//! listed below. `09-parts` contains refused cases, reduced to their supported columns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cases::{self, Case};
use crate::run::{Verdict, run};

/// Cases with a different result, and why.
const DIFFERENT: [(&str, &str); 4] = [
    (
        "01-pipeline: pipeline numbers written as text and integers",
        MORE_DIGITS,
    ),
    (
        "04-aggregations: AVG(L) with nulls, overflow and extremes",
        MORE_DIGITS,
    ),
    (
        "06-serialisation: JSON DOUBLE in and out: formatting",
        MORE_DIGITS,
    ),
    (
        "09-parts: SUBSTRING, INSTR, SPLIT, REGEXP, the columns inside the subset",
        "SUBSTRING of half a surrogate pair returns U+FFFD",
    ),
];
const MORE_DIGITS: &str = "JDK 17 prints a few DOUBLEs with more digits than the shortest";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn all_cases() -> Vec<(String, Case)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let cases = cases::read(&std::fs::read_to_string(&path).unwrap()).unwrap();
        all.extend(
            cases
                .into_iter()
                .map(|case| (format!("{file}: {}", case.name), case)),
        );
    }
    all
}

#[test]
fn every_case_has_its_recorded_verdict() {
    let listed = std::fs::read_to_string(folder().join("verdicts.txt")).unwrap();
    let lines = listed.lines().filter_map(|line| line.split_once(' '));
    let mut expected: BTreeMap<&str, &str> = lines.map(|(verdict, name)| (name, verdict)).collect();
    expected.extend(DIFFERENT.map(|(name, _)| (name, "different")));
    let mut wrong = Vec::new();
    let mut counts = BTreeMap::new();
    for (name, case) in all_cases() {
        let (verdict, mut detail) = match run(&case) {
            Verdict::Passed => ("pass", String::new()),
            Verdict::Unsupported(reason) => ("refused", reason),
            Verdict::Failed(difference) => ("different", difference),
        };
        *counts.entry(verdict).or_insert(0) += 1;
        let recorded = expected.remove(name.as_str());
        if recorded != Some(verdict) {
            wrong.push(format!(
                "{name}: {verdict}, expected {recorded:?}: {detail}"
            ));
        }
        if let Some((_, reason)) = DIFFERENT.iter().find(|(known, _)| *known == name) {
            detail = (*reason).to_owned();
        }
        if verdict != "pass" {
            println!("{verdict:9} {name}\n          {detail}");
        }
    }
    println!("{counts:?}");
    wrong.extend(
        expected
            .keys()
            .map(|name| format!("{name}: there is no such case")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
