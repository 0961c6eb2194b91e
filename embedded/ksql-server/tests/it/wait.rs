//! Waiting for what has to come, but not for ever.

use std::time::Duration;

/// Everything that a test waits for comes within this time.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Asks until the answer is yes; a test that waits in vain says for `what`.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, ask: impl Fn() -> F) {
    let yes = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let came = tokio::time::timeout(LIMIT, yes).await;
    came.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}
