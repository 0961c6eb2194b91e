//! The command line.

use std::convert::Infallible;
use std::io::Write;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use ksql_client::KsqlArgs;
use plots::PlotArgs;
use service_runtime::cli::{ServiceArgs, block_on, exit_code};
use service_runtime::{CancellationToken, telemetry};

use crate::backtest::{self, BacktestCommand};
use crate::check::{self, CheckArgs};
use crate::connectors::{self, ConnectorsArgs};
use crate::demo::{self, DemoArgs};
use crate::feed::{self, FeedCommand};
use crate::init::{self, InitArgs};
use crate::replay::{self, ReplayCommand};
use crate::topics::{self, TopicsArgs};
use crate::up::{self, UpArgs};
use crate::verify::{self, VerifyArgs};

/// Real-time predictions on Apache Kafka with automatic retraining
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
    /// Run one plan through the whole pipeline in this process and report a verdict (the default)
    Demo(DemoArgs),
    /// Run the whole pipeline in this process until Ctrl-C
    Up(UpArgs),
    /// Report a verdict on any running pipeline
    Verify(VerifyArgs),
    /// Write the folder of a pipeline for the rows of a CSV file
    Init(InitArgs),
    /// Run the rules of a pipeline over rows that are known already, to choose one
    Backtest(BacktestCommand),
    /// Compare the files of a pipeline's folder with each other and with what runs
    Check(CheckArgs),
    /// Create the topics that the programs of a pipeline write
    Topics(TopicsArgs),
    /// Send the rows of a CSV file to the first two topics of a pipeline
    Feed(FeedCommand),
    /// Create or update the connectors of a running Kafka Connect and wait until every task runs
    Connectors(ConnectorsArgs),
    /// Send dead letters back to the topics they came from, once each
    Replay(ReplayCommand),
    /// Send a statement or a file to a ksqlDB server, or open a prompt
    Ksql(KsqlArgs),
    /// Draw the figures of a JSON report
    Plot(PlotArgs),
}

/// The command line; the demo and `up` have their own help for some of the producer's flags.
fn command() -> clap::Command {
    let demo = |command: clap::Command| {
        command
            // Only for `up`.
            .mut_arg("repeat", |flag| flag.hide(true))
            .mut_arg("speed", |flag| {
                flag.help("Seconds of event time per second of the wall clock; default: 20")
            })
    };
    let up = |command: clap::Command| {
        command
            .mut_arg("repeat", |flag| {
                flag.help("Repeat the plan forever; the default without --speed above 1 and without --input")
            })
            .mut_arg("speed", |flag| {
                flag.help(
                    "Seconds of event time per second of the wall clock; above 1 the plan runs once; default: 1",
                )
            })
    };
    // Only the user's own flag makes a cluster the input.
    let backtest = |command: clap::Command| {
        command.mut_arg("bootstrap_servers", |flag| {
            flag.default_value(Resettable::Reset)
                .env(Resettable::Reset)
                .help("Records of a running pipeline instead of rows: what is on its first two topics now. Kafka brokers as host:port, separated by commas")
        })
    };
    demo(Cli::command())
        .mut_subcommand("backtest", backtest)
        .mut_subcommand("demo", demo)
        .mut_subcommand("up", up)
}

/// Runs the command of the command line.
pub fn main() -> ExitCode {
    service_runtime::client::set_up_tls();
    let cli = match Cli::from_arg_matches(&command().get_matches()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let command = cli.command.unwrap_or(Command::Demo(cli.demo));
    // Only warnings, because the terminal shows the live line.
    if let Err(error) = telemetry::init_with_default(cli.service.log_format, "warn") {
        return exit_code(Err(error.into()));
    }
    exit_code(block_on(|shutdown| async move {
        tokio::select! {
            outcome = run(command, shutdown.clone()) => outcome,
            never = announce_stop(shutdown) => match never {},
        }
    }))
}

async fn run(command: Command, shutdown: CancellationToken) -> anyhow::Result<()> {
    match command {
        Command::Demo(args) => demo::run(args, shutdown).await,
        Command::Up(args) => up::run(args, shutdown).await,
        Command::Verify(args) => verify::run(args, shutdown).await,
        Command::Init(args) => init::run(&args),
        Command::Backtest(args) => backtest::run(args, shutdown).await,
        Command::Check(args) => check::run(args, shutdown).await,
        Command::Topics(args) => topics::run(args, shutdown).await,
        Command::Feed(args) => feed::run(args, shutdown).await,
        Command::Connectors(args) => connectors::run(args, shutdown).await,
        Command::Replay(args) => replay::run(args, shutdown).await,
        Command::Ksql(args) => ksql_client::run(args, shutdown).await,
        Command::Plot(args) => plots::run(&args),
    }
}

/// Prints on Ctrl-C that the program is stopping.
async fn announce_stop(shutdown: CancellationToken) -> Infallible {
    shutdown.cancelled().await;
    // After the line with the ^C of the terminal. A closed standard error is ignored.
    let _ = writeln!(std::io::stderr(), "\nstopping; press Ctrl-C again to abort");
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demo_and_up_have_their_own_help_for_producer_flags() {
        let mut command = command();
        command.build();
        let mut help = |name: &str| {
            let found = command.find_subcommand_mut(name).expect(name);
            found.render_long_help().to_string()
        };
        let (demo, up) = (help("demo"), help("up"));
        assert!(!demo.contains("--repeat"), "the demo does not repeat");
        assert!(demo.contains("default: 20"), "{demo}");
        assert!(
            up.contains("--repeat") && up.contains("default: 1\n"),
            "{up}"
        );
        assert!(!command.render_long_help().to_string().contains("--repeat"));
    }
}
