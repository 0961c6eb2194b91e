//! The program `catchweight`.

use std::process::ExitCode;

fn main() -> ExitCode {
    catchweight::cli::main()
}
