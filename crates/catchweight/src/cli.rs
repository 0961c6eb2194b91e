//! The command line.

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use ksql_client::KsqlArgs;
use plots::PlotArgs;
use service_runtime::cli::{ServiceArgs, block_on, exit_code};
use service_runtime::telemetry;

use crate::connectors::{self, ConnectorsArgs};
use crate::demo::{self, DemoArgs};
use crate::replay::{self, ReplayCommand};
use crate::up::{self, UpArgs};
use crate::verify::{self, VerifyArgs};

/// Real-time predictions on Apache Kafka that notice when they go wrong, retrain and go on
#[derive(Debug, Parser)]
#[command(name = "catchweight", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(flatten)]
    service: ServiceArgs,

    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    demo: DemoArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One plan through the whole loop in this process, with a report and a verdict (the default)
    Demo(DemoArgs),
    /// Everything in this process until Ctrl-C
    Up(UpArgs),
    /// The report and verdict of any running pipeline, from outside
    Verify(VerifyArgs),
    /// Put the connector files to a running Kafka Connect and wait until every task runs
    Connectors(ConnectorsArgs),
    /// Send dead letters back to the topics that they came from, once each
    Replay(ReplayCommand),
    /// Ask a ksqlDB server, or this program's: a statement, a file or a prompt
    Ksql(KsqlArgs),
    /// Draw a report
    Plot(PlotArgs),
}

/// The command line with what the demo and `up` say of the producer's flags in their own words.
fn command() -> clap::Command {
    let demo = |command: clap::Command| {
        command
            // It ends; `up` goes on for ever.
            .mut_arg("repeat", |flag| flag.hide(true))
            .mut_arg("speed", |flag| {
                flag.help("How many seconds of event time pass in one second of the wall clock; default: 20")
            })
    };
    let up = |command: clap::Command| {
        command
            .mut_arg("repeat", |flag| {
                flag.help("Begin the plan again whenever it ends: so it is in any case without --speed above 1 and without --input")
            })
            .mut_arg("speed", |flag| {
                flag.help(
                    "How many seconds of event time pass in one second of the wall clock; above 1 the plan is run once; default: 1",
                )
            })
    };
    demo(Cli::command())
        .mut_subcommand("demo", demo)
        .mut_subcommand("up", up)
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    // Built with TLS, every HTTP client in this process asks for a provider of cryptography, also one
    // that speaks plain HTTP. Fails only where there is one already, which does as well.
    #[cfg(feature = "tls")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::from_arg_matches(&command().get_matches()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let command = cli.command.unwrap_or(Command::Demo(cli.demo));
    // The live line has the terminal; what a person must know is a warning.
    if let Err(error) = telemetry::init_with_default(cli.service.log_format, "warn") {
        return exit_code(Err(error.into()));
    }
    exit_code(block_on(|shutdown| async move {
        match command {
            Command::Demo(args) => demo::run(args, shutdown).await,
            Command::Up(args) => up::run(args, shutdown).await,
            Command::Verify(args) => verify::run(args, shutdown).await,
            Command::Connectors(args) => connectors::run(args, shutdown).await,
            Command::Replay(args) => replay::run(args, shutdown).await,
            Command::Ksql(args) => ksql_client::run(args, shutdown).await,
            Command::Plot(args) => plots::run(&args),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_of_the_demo_and_of_up_says_what_each_does_with_the_producers_flags() {
        let mut command = command();
        command.build();
        let mut help = |name: &str| {
            let found = command.find_subcommand_mut(name).expect(name);
            found.render_long_help().to_string()
        };
        let (demo, up) = (help("demo"), help("up"));
        assert!(!demo.contains("--repeat"), "the demo refuses it");
        assert!(demo.contains("default: 20"), "{demo}");
        assert!(
            up.contains("--repeat") && up.contains("default: 1\n"),
            "{up}"
        );
        assert!(!command.render_long_help().to_string().contains("--repeat"));
    }
}
