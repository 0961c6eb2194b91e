//! The program `monitor`: parses the command line and runs the library.

use std::process::ExitCode;

use clap::Parser;
use monitor::{Config, Monitor};
use service_runtime::cli::{self, ServiceArgs, ServiceCommand};

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
    // With TLS, each HTTP client needs a crypto provider, even for plain HTTP. An error means that one is
    // installed already.
    #[cfg(feature = "tls")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Cli {
        command,
        service,
        config,
    } = Cli::parse();
    let listen = config.listen;
    cli::run(&service, command.as_ref(), listen, |shutdown| async move {
        Monitor::bind(config).await?.run(shutdown).await
    })
}
