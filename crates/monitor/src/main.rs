//! The program `monitor`: parses the command line and runs the library.

use std::process::ExitCode;

use clap::Parser;
use monitor::{Config, Monitor};
use service_runtime::cli::{self, Endpoint, ServiceArgs, ServiceCommand};

/// Shows a running pipeline as a live page: drift, retraining, recovery, and the health of each part
#[derive(Debug, Parser)]
#[command(name = "monitor", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<ServiceCommand>,
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    config: Config,
}

fn main() -> ExitCode {
    let Cli {
        command,
        service,
        config,
    } = Cli::parse();
    let endpoint: Endpoint = (config.listen, &config.tls.clone()).into();
    cli::run(
        &service,
        command.as_ref(),
        endpoint,
        |shutdown| async move { Monitor::bind(config).await?.run(shutdown).await },
    )
}
