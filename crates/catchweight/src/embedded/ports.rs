//! Ports: those named by the user, or the usual ones if they are free.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use service_runtime::UsageError;

/// Checks before the start that a port named by the user is free.
///
/// # Errors
/// If it is taken. The error names the flag.
pub(super) fn free(named: Option<u16>, flag: &str) -> Result<(), UsageError> {
    match named.and_then(|port| Some((port, taken(port)?))) {
        None => Ok(()),
        Some((port, error)) => Err(UsageError(format!(
            "{flag} {port}: {error}; choose another port"
        ))),
    }
}

/// Binds on loopback to the named port; without one to the usual port, or to any free port if the usual
/// one is taken.
///
/// # Errors
/// The errors of `bind`.
pub(super) async fn bound<T>(
    named: Option<u16>,
    usual: u16,
    bind: impl AsyncFn(SocketAddr) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match bind(at(named.unwrap_or(usual))).await {
        Err(_) if named.is_none() && taken(usual).is_some() => bind(at(0)).await,
        bound => bound,
    }
}

fn taken(port: u16) -> Option<std::io::Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).err()
}
