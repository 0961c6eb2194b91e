//! Room for answers that their clients have not taken yet.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::HttpBody;
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{BUFFER_BYTES, hold};

/// How long an answer is left to its client although another needs its room.
const GRACE: Duration = Duration::from_secs(1);
/// How long the room of an answer that gave way is waited for before another gives way.
const RETURN: Duration = Duration::from_millis(100);

/// A budget of bytes for answers that are in memory until their clients have taken them. Where it is
/// used up, a new answer takes the place of the oldest one, whose connection is ended: clients that
/// read slowly do not shut out those that read.
///
/// It is kept in KiB. An answer that a connection buffers in any case ([`BUFFER_BYTES`]) counts for
/// nothing, and one larger than the whole budget for all of it.
#[derive(Debug)]
pub struct Unsent {
    kib: u32,
    room: Arc<Semaphore>,
    held: Arc<Mutex<BTreeMap<u64, Held>>>,
    /// Of the next answer. Never used again: one that gave way is dropped later than it is listed.
    next: AtomicU64,
}

/// An answer that was not taken yet.
#[derive(Debug)]
struct Held {
    since: Instant,
    given_up: CancellationToken,
}

/// Cancelled where an answer's room is needed by another: its connection is to be ended.
#[derive(Clone, Debug)]
pub(super) struct GivenUp(pub(super) CancellationToken);

impl Unsent {
    /// A budget of so many KiB.
    pub fn of_kib(kib: u32) -> Self {
        Self {
            kib,
            room: Arc::new(Semaphore::new(kib as usize)),
            held: Arc::default(),
            next: AtomicU64::new(0),
        }
    }

    /// The answer, when there is room for it, which it keeps until its client has taken it.
    pub async fn hold(&self, mut answer: Response) -> Response {
        let size = answer.body().size_hint().lower();
        if size <= BUFFER_BYTES as u64 {
            return answer;
        }
        let kib = u32::try_from(size / 1024).map_or(self.kib, |kib| kib.min(self.kib));
        let Some(room) = self.room(kib).await else {
            return answer; // The semaphore is never closed.
        };
        let given_up = CancellationToken::new();
        let extensions = answer.extensions_mut();
        extensions.insert(GivenUp(given_up.clone()));
        let since = Instant::now();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let held = Arc::clone(&self.held);
        held.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number, Held { since, given_up });
        hold(answer, Place { held, number, room })
    }

    /// So much room, if need be that of the oldest answers.
    async fn room(&self, kib: u32) -> Option<OwnedSemaphorePermit> {
        let mut room = pin!(Arc::clone(&self.room).acquire_many_owned(kib));
        loop {
            let oldest = self.oldest();
            let until = oldest.map_or_else(Instant::now, |(_, since)| since) + GRACE;
            tokio::select! {
                biased;
                room = room.as_mut() => return room.ok(),
                () = sleep_until(until) => {}
            }
            if let Some((number, _)) = oldest {
                self.give_up(number);
                // Its room comes back when its connection has ended: no other need give way meanwhile.
                if let Ok(room) = timeout(RETURN, room.as_mut()).await {
                    return room.ok();
                }
            }
        }
    }

    fn oldest(&self) -> Option<(u64, Instant)> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, oldest) = held.first_key_value()?;
        Some((*number, oldest.since))
    }

    fn give_up(&self, number: u64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(oldest) = held.remove(&number) {
            oldest.given_up.cancel();
        }
    }
}

/// The room of an answer that was not taken yet.
struct Place {
    held: Arc<Mutex<BTreeMap<u64, Held>>>,
    number: u64,
    #[expect(dead_code, reason = "it ends with this")]
    room: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&self.number);
    }
}
