//! Reads the statements, runs them and decides how the program ends.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use ksql_parser::split::Rest;
use service_runtime::{CancellationToken, UsageError};

use crate::args::KsqlArgs;
use crate::client::Client;
use crate::error::is_closed_output;
use crate::prompt;
use crate::session::Session;
use crate::statement::Statement;

/// Executes the statements of the command line and writes the results to standard output.
///
/// `shutdown` ends a running query. A prompt handles SIGINT and SIGTERM itself, because SIGINT ends
/// only the running statement there.
///
/// # Errors
/// The errors of [`run_with`].
pub async fn run(args: KsqlArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    run_with(args, shutdown, &mut io::stdout(), &mut io::stderr()).await
}

/// Like [`run`], but writes results to `out`, and the prompt and its errors to `err`.
///
/// # Errors
/// [`UsageError`] if an argument or a file cannot be used; another error if a statement is rejected
/// or fails, or the server does not answer. An `out` whose reader has closed it is not an error.
pub async fn run_with(
    args: KsqlArgs,
    shutdown: CancellationToken,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    match execute(args, shutdown, out, err).await {
        Err(error) if is_closed_output(&error) => Ok(()),
        outcome => outcome,
    }
}

async fn execute(
    args: KsqlArgs,
    shutdown: CancellationToken,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    let client = Client::new(&args)?;
    let script = tokio::select! {
        script = script(&args) => script?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let Some(script) = script else {
        return prompt::run(Session::new(client, args.json, out), shutdown, err).await;
    };
    let (statements, rest) = Statement::all(&script);
    let wrong = match rest {
        Rest::Unclosed(what, line) => Some(format!("line {line}: this {what} is not closed")),
        Rest::Unfinished => Some("the last statement does not end with a semicolon".into()),
        Rest::Nothing if statements.is_empty() => {
            Some("no statement given: pass one, use --file FILE, or run in a terminal".into())
        }
        Rest::Nothing => None,
    };
    if let Some(message) = wrong {
        return Err(UsageError(message).into());
    }
    tokio::select! {
        ready = client.ready() => ready?,
        () = shutdown.cancelled() => anyhow::bail!("stopped while waiting: nothing was executed"),
    }
    Session::new(client, args.json, out)
        .run(&statements, &shutdown)
        .await
}

/// The statements of the command line, a file or standard input; `None` for a prompt.
async fn script(args: &KsqlArgs) -> anyhow::Result<Option<String>> {
    if let Some(text) = args.statement.as_ref().or(args.execute.as_ref()) {
        return Ok(Some(with_semicolon(text)));
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
            let read = tokio::task::spawn_blocking(|| io::read_to_string(io::stdin().lock()));
            let text = read.await?.context("standard input cannot be read")?;
            Ok(Some(text))
        }
    }
}

/// On a command line, the last semicolon is optional. In a file, a missing semicolon may mean that the
/// file is truncated.
fn with_semicolon(text: &str) -> String {
    let is_unfinished = |text: &str| Statement::all(text).1 == Rest::Unfinished;
    let ended = format!("{text};");
    if !is_unfinished(text) {
        text.to_owned()
    } else if is_unfinished(&ended) {
        // The text ends with a comment.
        format!("{text}\n;")
    } else {
        ended
    }
}
