//! Statements from a terminal.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io::{self, Write};
use std::pin::pin;

use ksql_parser::split::Rest;
use service_runtime::CancellationToken;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::error::is_closed_output;
use crate::session::Session;
use crate::statement::Statement;

const HELP: &str = "\
Statements end with a semicolon and may have several lines, for example:
  SHOW STREAMS;  SHOW TABLES;  SHOW QUERIES;  SHOW TOPICS;  DESCRIBE x EXTENDED;  EXPLAIN query;
  SELECT * FROM x EMIT CHANGES LIMIT 3;    rows as they arrive; Ctrl-C ends the query
  PRINT 'topic' FROM BEGINNING LIMIT 3;    the records of a topic
  SET 'auto.offset.reset'='earliest';      applies to all later statements; UNSET resets it
help, exit. Ctrl-C discards the current input. Use rlwrap for history and line editing.
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    /// SIGINT (Ctrl-C).
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// The user's input.
struct Input {
    /// Closed at the end of standard input (Ctrl-D).
    lines: UnboundedReceiver<io::Result<String>>,
    signals: UnboundedReceiver<Signal>,
}

/// A command that the prompt itself executes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Help,
    Exit,
}

impl Command {
    fn parse(line: &str) -> Option<Self> {
        let word = line.trim().trim_end_matches(';').trim_end();
        match word.to_ascii_lowercase().as_str() {
            "help" | "?" => Some(Self::Help),
            "exit" | "quit" => Some(Self::Exit),
            _ => None,
        }
    }
}

/// Executes statements until the user or a signal ends the prompt.
pub(crate) async fn run(
    mut session: Session<'_>,
    shutdown: CancellationToken,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    let info = tokio::select! {
        info = session.client.info() => info?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let (version, server) = (info.version, &session.client.server);
    let status = info.server_status.unwrap_or_default();
    writeln!(err, "ksqlDB {version} at {server} {status}")?;
    writeln!(
        err,
        "A statement ends with a semicolon. `help` shows examples; Ctrl-D exits."
    )?;
    prompt_loop(&mut session, &mut listen()?, err).await
}

/// Starts to read standard input and signals.
fn listen() -> io::Result<Input> {
    let (signal_sender, signals) = unbounded_channel();
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            let signal = tokio::select! {
                Some(()) = interrupts.recv() => Signal::Interrupt,
                Some(()) = terminations.recv() => Signal::Terminate,
                else => return,
            };
            if signal_sender.send(signal).is_err() {
                return;
            }
        }
    });
    let (line_sender, lines) = unbounded_channel();
    // A read cannot be cancelled. A thread, unlike a blocking task of the runtime, does not delay the exit.
    std::thread::Builder::new()
        .name("prompt".into())
        .spawn(move || {
            for line in io::stdin().lines() {
                if line_sender.send(line).is_err() {
                    return;
                }
            }
        })?;
    Ok(Input { lines, signals })
}

/// Executes the statements one after the other. Reports a failed statement without ending the
/// prompt.
async fn prompt_loop(
    session: &mut Session<'_>,
    input: &mut Input,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    while let Some(text) = read(input, err).await? {
        match Command::parse(&text) {
            Some(Command::Exit) => break,
            Some(Command::Help) => err.write_all(HELP.as_bytes())?,
            None => {
                let (statements, _) = Statement::all(&text);
                let stop = CancellationToken::new();
                let job = session.run(&statements, &stop);
                let (outcome, terminated) = stoppable(job, &stop, &mut input.signals).await;
                match outcome {
                    Err(error) if is_closed_output(&error) => return Err(error),
                    Err(error) => writeln!(err, "error: {error:#}")?,
                    Ok(()) if stop.is_cancelled() => writeln!(err, "The query was stopped.")?,
                    Ok(()) => {}
                }
                if terminated {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Reads lines up to the end of a statement; `None` at the end of the input.
async fn read(input: &mut Input, err: &mut dyn Write) -> io::Result<Option<String>> {
    let mut text = String::new();
    loop {
        err.write_all(if text.is_empty() {
            b"ksql> "
        } else {
            b"    > "
        })?;
        err.flush()?;
        tokio::select! {
            line = input.lines.recv() => {
                let Some(line) = line.transpose()? else {
                    return Ok(None);
                };
                text.push_str(&line);
                if is_complete(&text) {
                    return Ok(Some(text));
                }
                text.push('\n');
            }
            Some(signal) = input.signals.recv() => match signal {
                Signal::Interrupt => {
                    text.clear();
                    writeln!(err)?;
                }
                Signal::Terminate => return Ok(None),
            },
        }
    }
}

/// Whether a text can be executed.
fn is_complete(text: &str) -> bool {
    Command::parse(text).is_some() || Statement::all(text).1 == Rest::Nothing
}

/// The outcome of `job`, and whether SIGTERM arrived before it. Both signals stop the job.
async fn stoppable<T>(
    job: impl Future<Output = T>,
    stop: &CancellationToken,
    signals: &mut UnboundedReceiver<Signal>,
) -> (T, bool) {
    let mut job = pin!(job);
    let mut terminated = false;
    loop {
        tokio::select! {
            outcome = &mut job => return (outcome, terminated),
            Some(signal) = signals.recv() => {
                terminated |= signal == Signal::Terminate;
                stop.cancel();
            }
        }
    }
}
