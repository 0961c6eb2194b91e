//! Runs ksqlDB test cases on the engine: `cargo run -p ksql-engine --example qtt -- FILE…`.
//!
//! A case passes, fails with the first difference, or is unsupported with the statement that is
//! outside of the subset. Exit code 1 if any fails.

#![allow(clippy::print_stdout, missing_docs)]

mod cases;
mod compare;
mod driver;
mod public;
mod run;
mod same_json;

use std::path::PathBuf;
use std::process::ExitCode;

use cases::Case;
use clap::Parser;
use run::Verdict;

/// Run ksqlDB test cases on the engine
#[derive(Debug, Parser)]
struct Args {
    /// Files with cases
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print only what failed
    #[arg(short, long)]
    quiet: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut counts = Counts::default();
    for file in &args.files {
        let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
        match read.and_then(|text| cases::read(&text)) {
            Ok(cases) => cases.iter().for_each(|case| {
                counts.add(&case.name, verdict(case), args.quiet);
            }),
            // Continue with the other files.
            Err(error) => {
                let name = file.display().to_string();
                counts.add(&name, Verdict::Failed(error), args.quiet);
            }
        }
    }
    let Counts {
        passed,
        failed,
        unsupported,
    } = counts;
    println!("{passed} passed, {failed} failed, {unsupported} unsupported");
    ExitCode::from(u8::from(failed > 0))
}

/// A panic is a failure of the case.
fn verdict(case: &Case) -> Verdict {
    std::panic::catch_unwind(|| run::run(case))
        .unwrap_or_else(|_| Verdict::Failed("the engine panicked".to_owned()))
}

/// The number of cases by verdict.
#[derive(Debug, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    unsupported: usize,
}

impl Counts {
    fn add(&mut self, name: &str, verdict: Verdict, quiet: bool) {
        match verdict {
            Verdict::Passed => {
                self.passed += 1;
                if !quiet {
                    println!("pass         {name}");
                }
            }
            Verdict::Failed(difference) => {
                self.failed += 1;
                println!("FAIL         {name}\n             {difference}");
            }
            Verdict::Unsupported(reason) => {
                self.unsupported += 1;
                if !quiet {
                    println!("unsupported  {name}\n             {reason}");
                }
            }
        }
    }
}
