//! The model server's command line.

use std::process::ExitCode;

use clap::Parser;
use model_server::{Config, ModelServer};
use pipeline_folder::FolderArgs;
use service_runtime::cli::{self, ServiceArgs, ServiceCommand};

/// Serves the model over HTTP: predictions, training, versions and the live model
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    folder: FolderArgs,
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    service: ServiceArgs,
    #[command(subcommand)]
    command: Option<ServiceCommand>,
}

fn main() -> ExitCode {
    let Args {
        folder,
        config,
        service,
        command,
    } = Args::parse();
    cli::run(
        &service,
        command.as_ref(),
        (config.listen, &config.tls.clone()),
        |shutdown| async move {
            let folder = folder.open()?;
            let config = Config { folder, ..config };
            ModelServer::bind(config).await?.run(shutdown).await
        },
    )
}
