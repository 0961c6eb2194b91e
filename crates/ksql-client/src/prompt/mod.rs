//! Statements from a terminal.

mod command;
mod signals;
mod terminal;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::pin;

use service_runtime::CancellationToken;
use tokio::sync::mpsc::UnboundedReceiver;

use self::command::{Command, HELP};
use self::signals::Signal;
use self::terminal::Terminal;
use crate::error::is_closed;
use crate::session::Session;
use crate::split::Script;

/// What a user enters.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// One or more whole statements, or a command of the prompt.
    Text(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D.
    End,
}

/// Where lines come from.
trait Lines {
    async fn next(&mut self) -> io::Result<Line>;
}

/// Greets, and executes what is entered until the user leaves.
pub(crate) async fn run(
    mut session: Session<'_>,
    history: Option<PathBuf>,
    shutdown: CancellationToken,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    let info = tokio::select! {
        info = session.client.info() => info?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let (version, server) = (info.version, session.client.server());
    let status = info.server_status.unwrap_or_default();
    writeln!(err, "ksqlDB {version} at {server} {status}")?;
    writeln!(
        err,
        "A statement ends with a semicolon. `help` tells more; Ctrl-D leaves."
    )?;
    let signals = signals::listen()?;
    let mut terminal = Terminal::open(history)?;
    converse(&mut session, &mut terminal, signals, err).await
}

/// Executes line after line. A failed statement is told, and the next one is asked for.
async fn converse(
    session: &mut Session<'_>,
    lines: &mut impl Lines,
    mut signals: UnboundedReceiver<Signal>,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    loop {
        let line = tokio::select! {
            line = lines.next() => line?,
            () = terminated(&mut signals) => return Ok(()),
        };
        let text = match line {
            Line::Text(text) => text,
            Line::Interrupted => continue,
            Line::End => return Ok(()),
        };
        match Command::parse(&text) {
            Some(Command::Exit) => return Ok(()),
            Some(Command::Help) => err.write_all(HELP.as_bytes())?,
            None => {
                let script = Script::of(&text);
                let stop = CancellationToken::new();
                let run = session.run(&script.statements, &stop);
                let (outcome, signal) = stoppable(run, &stop, &mut signals).await;
                match outcome {
                    Err(error) if is_closed(&error) => return Err(error),
                    Err(error) => writeln!(err, "error: {error:#}")?,
                    Ok(()) if stop.is_cancelled() => writeln!(err, "The query is ended.")?,
                    Ok(()) => {}
                }
                if signal == Some(Signal::Terminate) {
                    return Ok(());
                }
            }
        }
    }
}

/// The outcome, and the last signal that came before it; each stops the job.
async fn stoppable<T>(
    job: impl Future<Output = T>,
    stop: &CancellationToken,
    signals: &mut UnboundedReceiver<Signal>,
) -> (T, Option<Signal>) {
    let mut job = pin!(job);
    let mut last = None;
    loop {
        tokio::select! {
            outcome = &mut job => return (outcome, last),
            Some(signal) = signals.recv() => {
                last = Some(signal);
                stop.cancel();
            }
        }
    }
}

/// Waits for SIGTERM. A SIGINT that comes while nothing runs has nothing to end.
async fn terminated(signals: &mut UnboundedReceiver<Signal>) {
    while let Some(signal) = signals.recv().await {
        if signal == Signal::Terminate {
            return;
        }
    }
    std::future::pending().await
}
