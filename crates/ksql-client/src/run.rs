//! Where the statements come from, and what ends the program.

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use anyhow::Context;
use service_runtime::{CancellationToken, UsageError};

use crate::args::KsqlArgs;
use crate::client::Client;
use crate::error::is_closed;
use crate::prompt;
use crate::session::Session;
use crate::split::{Rest, Script};

/// Executes what the command line says, results to standard output.
///
/// `shutdown` ends a running query. A prompt handles SIGINT and SIGTERM itself: SIGINT, which
/// cancels the token too, must end the running statement only.
///
/// # Errors
/// Those of [`run_with`].
pub async fn run(args: KsqlArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    run_with(args, shutdown, &mut io::stdout(), &mut io::stderr()).await
}

/// [`run`] with other outputs: results to `out`; at a prompt, errors to `err`.
///
/// # Errors
/// [`UsageError`] for settings or a file that cannot be used; any other where a statement is
/// rejected or fails, or the server does not answer. An `out` that nobody reads any more is none.
pub async fn run_with(
    args: KsqlArgs,
    shutdown: CancellationToken,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    let outcome = executed(args, shutdown, out, err).await;
    match outcome {
        Err(error) if is_closed(&error) => Ok(()),
        outcome => outcome,
    }
}

async fn executed(
    args: KsqlArgs,
    shutdown: CancellationToken,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    let client = Client::new(&args)?;
    let text = tokio::select! {
        text = statements(&args) => text?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let Some(text) = text else {
        return prompt::run(
            Session::new(client, args.json, out),
            args.history,
            shutdown,
            err,
        )
        .await;
    };
    let script = Script::of(&text);
    if let Rest::Unclosed(what, line) = script.rest {
        return Err(UsageError(format!("line {line}: this {what} is not closed")).into());
    }
    if script.rest != Rest::Nothing {
        return Err(UsageError("the last statement does not end with a semicolon".into()).into());
    }
    if script.statements.is_empty() {
        return Err(UsageError(
            "there is no statement: give one, or --file FILE, or use a terminal".into(),
        )
        .into());
    }
    tokio::select! {
        ready = client.ready() => ready?,
        () = shutdown.cancelled() => anyhow::bail!("stopped while waiting: nothing was executed"),
    }
    let mut session = Session::new(client, args.json, out);
    session.run(&script.statements, &shutdown).await
}

/// The text of the statements; none: they come from a prompt.
async fn statements(args: &KsqlArgs) -> anyhow::Result<Option<String>> {
    if let Some(text) = args.statement.as_ref().or(args.execute.as_ref()) {
        return Ok(Some(ended(text)));
    }
    match &args.file {
        Some(path) if path.as_path() != Path::new("-") => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                UsageError(format!("--file {} cannot be read: {error}", path.display()))
            })?;
            Ok(Some(text))
        }
        None if io::stdin().is_terminal() => Ok(None),
        _ => {
            let read = tokio::task::spawn_blocking(|| {
                let mut text = String::new();
                io::stdin().read_to_string(&mut text).map(|_| text)
            });
            let text = read.await?.context("standard input cannot be read")?;
            Ok(Some(text))
        }
    }
}

/// The text with a semicolon at its end: on a command line it may be left out. In a file its
/// absence may mean that the end of the file is missing.
fn ended(text: &str) -> String {
    if !matches!(Script::of(text).rest, Rest::Unfinished(_)) {
        return text.to_owned();
    }
    let ended = format!("{text};");
    match Script::of(&ended).rest {
        // The text ends with a comment.
        Rest::Unfinished(_) => format!("{text}\n;"),
        _ => ended,
    }
}
