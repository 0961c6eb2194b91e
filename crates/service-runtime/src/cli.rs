//! The parts of `main` that all binaries share: flags, the `healthcheck` subcommand, signals, exit codes.

use std::future::Future;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

#[cfg(feature = "https")]
use crate::server;
use crate::server::TlsArgs;
use crate::telemetry;

/// Signals within this time of the first one are ignored.
const SAME_SIGNAL: Duration = Duration::from_secs(1);
/// Time for blocking tasks, such as a name look-up that hangs, to end after the job has ended.
const BLOCKING_TASKS: Duration = Duration::from_secs(5);
/// Time for `healthcheck` to get an answer.
const HEALTHCHECK: Duration = Duration::from_secs(3);

/// A setting or input that the user must change. The process ends with exit code 2.
///
/// The message is one line: what is wrong, the value, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Flags that all services have.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServiceArgs {
    /// Format of log lines
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t, global = true)]
    pub log_format: telemetry::LogFormat,
}

/// Subcommands that all services have.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ServiceCommand {
    /// Ask the running service at --listen whether it is ready; exit code 0 or 1
    Healthcheck,
}

/// Where a service listens.
#[derive(Clone, Debug)]
pub struct Endpoint {
    address: SocketAddr,
    /// The certificate, if the service speaks HTTPS.
    certificate: Option<PathBuf>,
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        let certificate = None;
        Self {
            address,
            certificate,
        }
    }
}

impl From<(SocketAddr, &TlsArgs)> for Endpoint {
    fn from((address, tls): (SocketAddr, &TlsArgs)) -> Self {
        let (certificate, _) = tls.files();
        Self {
            address,
            certificate,
        }
    }
}

/// Runs a service, or checks the health of a running one, and returns the process's exit code:
/// 0 success, 1 failure, 2 wrong usage or settings (a [`UsageError`] anywhere in the error's chain).
///
/// SIGINT and SIGTERM cancel the token that `service` gets; it should end soon after.
pub fn run<F, S>(
    args: &ServiceArgs,
    command: Option<&ServiceCommand>,
    listen: impl Into<Endpoint>,
    service: F,
) -> ExitCode
where
    F: FnOnce(CancellationToken) -> S,
    S: Future<Output = anyhow::Result<()>>,
{
    match command {
        Some(ServiceCommand::Healthcheck) => exit_code(healthcheck(&listen.into())),
        None => {
            let logs = telemetry::init(args.log_format).map_err(anyhow::Error::new);
            exit_code(logs.and_then(|()| block_on(service)))
        }
    }
}

/// Raises the limit of open files and runs `job` on a multi-threaded runtime. The first SIGINT or
/// SIGTERM cancels the job's token; another one, at least a second later, aborts the job.
///
/// # Errors
/// The error of `job`; the runtime or the signal handlers cannot be set up; the job was aborted.
pub fn block_on<F, S, T>(job: F) -> anyhow::Result<T>
where
    F: FnOnce(CancellationToken) -> S,
    S: Future<Output = anyhow::Result<T>>,
{
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (outcome, blocking_tasks) = runtime.block_on(async {
        let (shutdown, abort) = match signals() {
            Ok(tokens) => tokens,
            Err(error) => return (Err(error.into()), Duration::ZERO),
        };
        let mut job = Box::pin(job(shutdown));
        tokio::select! {
            outcome = &mut job => (outcome, BLOCKING_TASKS),
            () = abort.cancelled() => {
                // The job's destructors may block, for example on a broker that does not respond.
                std::mem::forget(job);
                (Err(anyhow::anyhow!("aborted by a second signal")), Duration::ZERO)
            }
        }
    });
    runtime.shutdown_timeout(blocking_tasks);
    outcome
}

/// Two tokens: the first SIGINT or SIGTERM cancels one, the second cancels the other. A terminal or a
/// supervisor may send several signals for one stop: those within [`SAME_SIGNAL`] of the first are ignored.
fn signals() -> io::Result<(CancellationToken, CancellationToken)> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let tokens = (CancellationToken::new(), CancellationToken::new());
    let (shutdown, abort) = tokens.clone();
    tokio::spawn(async move {
        let mut first: Option<Instant> = None;
        while !abort.is_cancelled() {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            };
            match first {
                None => {
                    tracing::info!("{name}: shutting down");
                    shutdown.cancel();
                    first = Some(Instant::now());
                }
                Some(first) if first.elapsed() < SAME_SIGNAL => {}
                Some(_) => {
                    tracing::info!("{name}: aborting");
                    abort.cancel();
                }
            }
        }
    });
    Ok(tokens)
}

/// Raises the limit of open files to the maximum that the operating system allows. Each connection uses
/// one.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Turns an outcome into an exit code and prints its error to standard error in one line.
pub fn exit_code(outcome: anyhow::Result<()>) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    let usage = error.chain().any(|cause| cause.is::<UsageError>());
    // If standard error is closed, there is nowhere left to report to.
    let _ = writeln!(io::stderr(), "error: {error:#}");
    ExitCode::from(if usage { 2 } else { 1 })
}

/// Sends `GET /readyz` to the service that listens there.
fn healthcheck(endpoint: &Endpoint) -> anyhow::Result<()> {
    let host = match endpoint.address.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(host, endpoint.address.port());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let scheme = match endpoint.certificate {
        Some(_) => "https",
        None => "http",
    };
    let certificate = endpoint.certificate.as_deref();
    runtime
        .block_on(async { timeout(HEALTHCHECK, is_ready(address, certificate)).await? })
        .with_context(|| format!("{scheme}://{address}/readyz"))
}

async fn is_ready(address: SocketAddr, certificate: Option<&Path>) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await?;
    match certificate {
        None => ask(address, stream).await,
        #[cfg(feature = "https")]
        Some(certificate) => ask(address, server::connect(stream, certificate).await?).await,
        #[cfg(not(feature = "https"))]
        Some(_) => anyhow::bail!("this program was built without HTTPS"),
    }
}

async fn ask<S>(address: SocketAddr, stream: S) -> anyhow::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = hyper::Request::get("/readyz")
        .header(HOST, address.to_string())
        .body(String::new())?;
    let status = sender.send_request(request).await?.status();
    anyhow::ensure!(status.is_success(), "HTTP status {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_raised_to_the_maximum() {
        raise_file_limit();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
