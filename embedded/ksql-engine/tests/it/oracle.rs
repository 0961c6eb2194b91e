//! What a real ksqlDB did (`tests/cases`): nothing may come out different. `09-parts` holds cases that
//! are refused as a whole, cut down to the columns that are supported.

use std::path::PathBuf;

use crate::cases::{self, Case, Expected};
use crate::run::{Verdict, run};

fn all_cases() -> Vec<(String, Case)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|path| {
            let file = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let text = std::fs::read_to_string(path).expect("a readable file");
            let cases = cases::read(&text).expect("cases");
            cases.into_iter().map(move |case| (file.clone(), case))
        })
        .collect()
}

#[test]
fn no_case_comes_out_different_and_all_of_the_pipeline_pass() {
    let (mut passed, mut unsupported, mut wrong) = (0, Vec::new(), Vec::new());
    for (file, case) in all_cases() {
        match run(&case) {
            Verdict::Passed => passed += 1,
            Verdict::Failed(difference) => {
                wrong.push(format!("{file}: {}: {difference}", case.name))
            }
            Verdict::Unsupported(reason) => {
                if file == "01-pipeline" {
                    wrong.push(format!("{file}: {}: {reason}", case.name));
                }
                unsupported.push(format!("{file}: {}: {reason}", case.name));
            }
        }
    }
    println!(
        "{passed} passed, {} unsupported:\n{}",
        unsupported.len(),
        unsupported.join("\n")
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A lower number means that something was supported and no longer is.
    assert!(passed >= 301, "only {passed} cases pass");
}

#[test]
fn every_statement_that_ksqldb_refused_is_refused() {
    for (file, case) in all_cases() {
        if let Expected::Refusal(_) = case.expected {
            assert!(
                !matches!(run(&case), Verdict::Failed(_)),
                "{file}: {}",
                case.name
            );
        }
    }
}
