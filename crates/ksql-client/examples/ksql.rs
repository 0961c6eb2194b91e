//! The client alone, without what else `catchweight` brings:
//! `cargo run -p ksql-client --example ksql -- --server http://127.0.0.1:8088`.

use std::process::ExitCode;

use clap::Parser;
use service_runtime::cli::{block_on, exit_code};
use service_runtime::telemetry;

/// A client of ksqlDB's REST API
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    ksql: ksql_client::KsqlArgs,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = telemetry::init_with_default(telemetry::LogFormat::default(), "warn") {
        return exit_code(Err(error.into()));
    }
    exit_code(block_on(|shutdown| ksql_client::run(cli.ksql, shutdown)))
}
