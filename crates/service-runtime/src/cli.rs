//! The frame of every binary's `main`: shared flags, `healthcheck`, exit codes.

use std::future::Future;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{files, shutdown, telemetry};

/// A setting or input that the user must change; the process ends with exit code 2.
///
/// Its text is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Flags that all services have.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServiceArgs {
    /// How log lines are written
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t, global = true)]
    pub log_format: telemetry::LogFormat,
}

/// Subcommands that all services have.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ServiceCommand {
    /// Ask the running service at --listen whether it is ready; exit code 0 or 1
    Healthcheck,
}

/// Runs a service, or asks one for its health, and turns the outcome into an exit code: 0 fine,
/// 1 the job failed, 2 wrong usage or settings (a [`UsageError`] anywhere in the error's chain).
///
/// `service` gets a token that is cancelled on SIGINT and SIGTERM and should end soon after.
pub fn run<F, S>(
    args: &ServiceArgs,
    command: Option<&ServiceCommand>,
    listen: SocketAddr,
    service: F,
) -> ExitCode
where
    F: FnOnce(CancellationToken) -> S,
    S: Future<Output = anyhow::Result<()>>,
{
    match command {
        Some(ServiceCommand::Healthcheck) => exit_code(healthcheck(listen)),
        None => {
            let logs = telemetry::init(args.log_format).map_err(anyhow::Error::new);
            exit_code(logs.and_then(|()| block_on(service)))
        }
    }
}

/// Allows the process as many open files as it may have, and runs `job` on a multi-threaded runtime
/// with a token that the first SIGINT or SIGTERM cancels. A second one breaks the job off where it
/// stands.
///
/// # Errors
/// Those of `job`; where the runtime or the signal handlers cannot be set up; a job broken off.
pub fn block_on<F, S, T>(job: F) -> anyhow::Result<T>
where
    F: FnOnce(CancellationToken) -> S,
    S: Future<Output = anyhow::Result<T>>,
{
    files::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (outcome, patience) = runtime.block_on(async {
        let signals = match shutdown::on_signal() {
            Ok(signals) => signals,
            Err(error) => return (Err(error.into()), Duration::ZERO),
        };
        let mut job = Box::pin(job(signals.shutdown));
        tokio::select! {
            // A blocking task that hangs (a name look-up, say) must not keep a finished process alive.
            outcome = &mut job => (outcome, Duration::from_secs(5)),
            () = signals.break_off.cancelled() => {
                // Its destructors may wait for others, such as a broker that does not answer.
                std::mem::forget(job);
                (Err(anyhow::anyhow!("broken off by a second signal")), Duration::ZERO)
            }
        }
    });
    runtime.shutdown_timeout(patience);
    outcome
}

/// The exit code of an outcome, its error printed to standard error in one line.
pub fn exit_code(outcome: anyhow::Result<()>) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    let usage = error.chain().any(|cause| cause.is::<UsageError>());
    // Nothing is left to tell where standard error itself is closed.
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
    ExitCode::from(if usage { 2 } else { 1 })
}

/// Asks `GET /readyz` of the service that listens at `listen`.
fn healthcheck(listen: SocketAddr) -> anyhow::Result<()> {
    let host = match listen.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    let url = format!("http://{}/readyz", SocketAddr::new(host, listen.port()));
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(3)))
            .build(),
    );
    agent
        .get(&url)
        .call()
        .map_err(|error| anyhow::anyhow!("{url}: {error}"))?;
    Ok(())
}
