//! SIGINT and SIGTERM while a prompt is open.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What was signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// End the running statement.
    Interrupt,
    /// Leave.
    Terminate,
}

/// The signals from now on.
pub(super) fn listen() -> io::Result<UnboundedReceiver<Signal>> {
    let (sender, receiver) = unbounded_channel();
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            let signal = tokio::select! {
                Some(()) = interrupts.recv() => Signal::Interrupt,
                Some(()) = terminations.recv() => Signal::Terminate,
                () = sender.closed() => return,
                else => return,
            };
            if sender.send(signal).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
