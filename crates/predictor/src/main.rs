//! The predictor's program: parses the command line and runs the library.

use std::process::ExitCode;

use clap::Parser;
use pipeline_folder::FolderArgs;
use predictor::{Config, Predictor};
use service_runtime::cli::{self, ServiceArgs, ServiceCommand};

/// Read records from a topic, ask a model for predictions, write both to another topic
#[derive(Debug, Parser)]
#[command(name = "predictor", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<ServiceCommand>,
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    folder: FolderArgs,
    #[command(flatten)]
    config: Config,
}

fn main() -> ExitCode {
    let Cli {
        command,
        service,
        folder,
        config,
    } = Cli::parse();
    let listen = config.listen;
    cli::run(&service, command.as_ref(), listen, |shutdown| async move {
        let definition = folder.open()?.definition;
        let config = Config {
            definition,
            ..config
        };
        Predictor::bind(config).await?.run(shutdown).await
    })
}
