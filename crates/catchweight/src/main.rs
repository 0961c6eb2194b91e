//! The whole loop in one process, and the tools for any running pipeline.

use std::process::ExitCode;

fn main() -> ExitCode {
    catchweight::cli::main()
}
