//! What the tests share: a broker, a model, and reading topics.

pub mod broker;
pub mod model;
pub mod topics;

use std::time::Duration;

/// How long any wait of a test may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Awaits `what`, with a bound.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} took longer than {PATIENCE:?}"),
    }
}

/// Looks again and again until `look` finds something, with a bound.
pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    within(what, async {
        let mut again = tokio::time::interval(Duration::from_millis(5));
        loop {
            again.tick().await;
            if let Some(found) = look() {
                return found;
            }
        }
    })
    .await
}
