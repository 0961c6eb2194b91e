//! SIGINT and SIGTERM feed one cancellation token; a second one breaks off.

use std::io;

use tokio_util::sync::CancellationToken;

/// What the process's signals ask for.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Cancelled by the first SIGINT or SIGTERM: finish what was accepted, and end.
    pub shutdown: CancellationToken,
    /// Cancelled by the second one: end now.
    pub break_off: CancellationToken,
}

/// Listens to SIGINT and SIGTERM from now on.
///
/// # Errors
/// Where the operating system refuses the signal handlers.
pub fn on_signal() -> io::Result<Signals> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let signals = Signals::default();
    let heard = signals.clone();
    tokio::spawn(async move {
        for token in [heard.shutdown, heard.break_off] {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            };
            tracing::info!("{name}: shutting down");
            token.cancel();
        }
    });
    Ok(signals)
}
