//! Runs test cases of ksqlDB's kind on the engine: `cargo run -p ksql-engine --example qtt -- FILE…`.
//!
//! A case passes, fails with the first difference, or is unsupported with the statement that is
//! outside of the subset. Exit code 1 if any fails.

#![allow(clippy::print_stdout, missing_docs)]

mod cases;
mod compare;
mod public;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
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

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let (mut passed, mut failed, mut unsupported) = (0, 0, 0);
    for file in &args.files {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let cases = cases::read(&text)
            .map_err(anyhow::Error::msg)
            .with_context(|| format!("reading {}", file.display()))?;
        for case in cases {
            let name = &case.name;
            match run::run(&case) {
                Verdict::Passed => {
                    passed += 1;
                    if !args.quiet {
                        println!("pass         {name}");
                    }
                }
                Verdict::Failed(difference) => {
                    failed += 1;
                    println!("FAIL         {name}\n             {difference}");
                }
                Verdict::Unsupported(reason) => {
                    unsupported += 1;
                    if !args.quiet {
                        println!("unsupported  {name}\n             {reason}");
                    }
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed, {unsupported} unsupported");
    Ok(ExitCode::from(u8::from(failed > 0)))
}
