//! The model server's command line.

use std::process::ExitCode;

use clap::Parser;
use model_server::{Config, ModelServer};
use service_runtime::cli::{self, ServiceArgs, ServiceCommand};

/// Serves the model over HTTP: predictions, training, versions and the live model
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    service: ServiceArgs,
    #[command(subcommand)]
    command: Option<ServiceCommand>,
}

fn main() -> ExitCode {
    let Args {
        config,
        service,
        command,
    } = Args::parse();
    cli::run(
        &service,
        command.as_ref(),
        config.listen,
        |shutdown| async { ModelServer::bind(config).await?.run(shutdown).await },
    )
}
