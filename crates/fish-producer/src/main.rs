//! The program: parses the command line and runs the service.

use std::process::ExitCode;

use clap::Parser;
use fish_producer::service::{self, Cli};

fn main() -> ExitCode {
    let Cli {
        command,
        settings,
        service,
    } = Cli::parse();
    let listen = settings.listen;
    service_runtime::cli::run(&service, command.as_ref(), listen, |shutdown| {
        service::run(settings, shutdown)
    })
}
