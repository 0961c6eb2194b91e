//! The monitor's program: parses, then hands over to the library.

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
    // Built with TLS, every HTTP client in this process asks for a provider of cryptography, also one
    // that speaks plain HTTP. Fails only where there is one already, which does as well.
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
