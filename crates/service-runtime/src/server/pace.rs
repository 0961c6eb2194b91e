//! How long the client of a connection may take for its answer.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody;
use axum::response::Response;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::unsent::GivenUp;
use super::{BUFFER_BYTES, hold};

/// Until when the answer that a connection is at must have been taken.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    write: Duration,
    rate: NonZeroU32,
    due: Arc<watch::Sender<Option<Due>>>,
}

#[derive(Clone, Debug)]
struct Due {
    at: Instant,
    /// Cancelled where it is due at once.
    now: CancellationToken,
}

impl Pace {
    pub(super) fn new(write: Duration, rate: NonZeroU32) -> Self {
        let due = Arc::new(watch::Sender::new(None));
        Self { write, rate, due }
    }

    /// Sets the time of an answer whose size is known and worth it.
    pub(super) fn of(self, answer: Response) -> Response {
        let Some(size) = answer.body().size_hint().exact() else {
            return answer;
        };
        if size <= BUFFER_BYTES as u64 {
            return answer;
        }
        let time = self.write + Duration::from_secs(size / u64::from(self.rate.get()));
        let given_up = answer.extensions().get::<GivenUp>();
        let due = Due {
            at: Instant::now() + time,
            now: given_up.map_or_else(CancellationToken::new, |GivenUp(token)| token.clone()),
        };
        self.due.send_replace(Some(due));
        hold(answer, Taken(self.due))
    }

    /// Waits until an answer was not taken in its time.
    pub(super) async fn missed(&self) {
        let mut changes = self.due.subscribe();
        loop {
            let due = changes.borrow_and_update().clone();
            let missed = async {
                let Some(due) = due else {
                    return std::future::pending().await;
                };
                tokio::select! {
                    () = sleep_until(due.at) => {}
                    () = due.now.cancelled() => {}
                }
            };
            tokio::select! {
                () = missed => return,
                // The sender lives as long as this.
                _ = changes.changed() => {}
            }
        }
    }
}

/// Dropped when the answer was taken.
struct Taken(Arc<watch::Sender<Option<Due>>>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.send_replace(None);
    }
}
