//! Waiting for a condition, with a timeout.

use std::time::Duration;

/// The timeout of every wait.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Polls until the condition holds; panics with `what` after [`LIMIT`].
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, ask: impl Fn() -> F) {
    let yes = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let came = tokio::time::timeout(LIMIT, yes).await;
    came.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}
