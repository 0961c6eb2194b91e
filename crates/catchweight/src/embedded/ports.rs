//! Ports that the user named, and those that are taken where they are free.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use service_runtime::UsageError;

/// Tells early, before anything is started, where the named port is taken.
///
/// # Errors
/// Says which flag to change.
pub(super) fn free(named: Option<u16>, flag: &str) -> Result<(), UsageError> {
    match named.and_then(|port| Some((port, taken(port)?))) {
        None => Ok(()),
        Some((port, error)) => Err(UsageError(format!(
            "{flag} {port}: {error}; choose another port"
        ))),
    }
}

/// Binds on loopback at the port that the user named; else at the usual one, or at any where that is
/// taken, be it only in the moment of the call.
///
/// # Errors
/// Those of `bind`.
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
