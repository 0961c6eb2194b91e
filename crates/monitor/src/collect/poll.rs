//! A repeated request. Each request runs in its own task with its own timeout, so a slow part delays
//! only its own result.

use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;

/// Callers wait for a newer result if the latest is older than this.
const STALE: Duration = Duration::from_secs(5);

/// The latest result of a poll, and why there is no newer one.
#[derive(Debug)]
pub(crate) struct Polled<T> {
    pub(crate) latest: Option<Arc<T>>,
    pub(crate) received: Option<Instant>,
    /// The error of the last request, if it failed.
    pub(crate) failure: Option<String>,
}

impl<T> Clone for Polled<T> {
    fn clone(&self) -> Self {
        Self {
            latest: self.latest.clone(),
            received: self.received,
            failure: self.failure.clone(),
        }
    }
}

impl<T> Default for Polled<T> {
    fn default() -> Self {
        Self {
            latest: None,
            received: None,
            failure: None,
        }
    }
}

impl<T> Polled<T> {
    /// The latest result, unless the last request failed.
    pub(crate) fn current(&self) -> Option<&T> {
        let latest = self.latest.as_deref();
        latest.filter(|_| self.failure.is_none())
    }

    /// Why there is no current result; `None` if there is one.
    pub(crate) fn why_unknown(&self) -> Option<&str> {
        match (&self.failure, &self.latest) {
            (Some(failure), _) => Some(failure),
            (None, None) => Some("no answer yet"),
            (None, Some(_)) => None,
        }
    }
}

/// A repeated request; clones share its result.
#[derive(Debug)]
pub(crate) struct Poll<T>(Arc<Shared<T>>);

impl<T> Clone for Poll<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Shared<T> {
    timeout: Duration,
    state: Mutex<State<T>>,
    /// Held by the task that sends the request.
    busy: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
struct State<T> {
    polled: Polled<T>,
    /// When the last request succeeded or failed.
    ended: Option<Instant>,
}

impl<T: Send + Sync + 'static> Poll<T> {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self(Arc::new(Shared {
            timeout,
            state: Mutex::new(State {
                polled: Polled::default(),
                ended: None,
            }),
            busy: Arc::default(),
        }))
    }

    pub(crate) fn polled(&self) -> Polled<T> {
        self.0.state().polled.clone()
    }

    /// Sends the request if the last one ended longer than `max_age` ago and none is running. With a
    /// `max_age` of zero it always sends one, after the one that is running.
    ///
    /// Returns a future that ends with the request, or `None` if the latest result is recent enough
    /// for callers not to wait.
    pub(crate) fn refresh<E: Display>(
        &self,
        max_age: Duration,
        request: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Option<BoxFuture<'static, ()>> {
        let ended = self.0.state().ended;
        if ended.is_some_and(|ended| ended.elapsed() < max_age) {
            return None;
        }
        let (shared, busy) = (Arc::clone(&self.0), Arc::clone(&self.0.busy));
        let done = match Arc::clone(&busy).try_lock_owned() {
            Ok(busy) => spawn(async move {
                shared.send(request).await;
                drop(busy);
            }),
            Err(_) if max_age.is_zero() => spawn(async move {
                let _busy = busy.lock_owned().await;
                shared.send(request).await;
            }),
            Err(_) => async move { drop(busy.lock().await) }.boxed(),
        };
        let wait = max_age.is_zero() || is_stale(ended);
        wait.then_some(done)
    }

    /// A future that ends with the running request; `None` if none runs or the latest result is recent.
    pub(crate) fn running(&self) -> Option<BoxFuture<'static, ()>> {
        let busy = Arc::clone(&self.0.busy);
        let wait = is_stale(self.0.state().ended) && busy.try_lock().is_err();
        wait.then(|| async move { drop(busy.lock().await) }.boxed())
    }
}

fn is_stale(ended: Option<Instant>) -> bool {
    ended.is_none_or(|ended| ended.elapsed() >= STALE)
}

impl<T> Shared<T> {
    async fn send<E: Display>(&self, request: impl Future<Output = Result<T, E>>) {
        let outcome = tokio::time::timeout(self.timeout, request).await;
        let mut state = self.state();
        let now = Instant::now();
        state.ended = Some(now);
        match outcome {
            Ok(Ok(result)) => {
                state.polled = Polled {
                    latest: Some(Arc::new(result)),
                    received: Some(now),
                    failure: None,
                };
            }
            Ok(Err(error)) => state.polled.failure = Some(format!("{error:#}")),
            Err(_) => {
                let timeout = self.timeout.as_secs_f64();
                state.polled.failure = Some(format!("no answer within {timeout} s"));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // A panic cannot leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the work to its end, whether or not the caller waits for it.
fn spawn(work: impl Future<Output = ()> + Send + 'static) -> BoxFuture<'static, ()> {
    tokio::spawn(work).map(drop).boxed()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const AGE: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_gets_the_result_next_time() {
        let poll = Poll::new(Duration::from_secs(9));
        let slow = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            Ok::<_, Infallible>("here")
        };
        let done = poll.refresh(AGE, slow).expect("no result yet");
        assert!(tokio::time::timeout(AGE, done).await.is_err());
        assert_eq!(poll.polled().why_unknown(), Some("no answer yet"));
        // One request at a time: this call waits for the running one.
        let second = poll.refresh(AGE, async { Ok::<_, Infallible>("again") });
        second.expect("no result yet").await;
        assert_eq!(poll.polled().latest.as_deref(), Some(&"here"));
        let early = poll.refresh(AGE, async { Ok::<_, Infallible>("too early") });
        assert!(early.is_none());
        let now = poll.refresh(Duration::ZERO, async { Ok::<_, Infallible>("now") });
        now.expect("always sent").await;
        assert_eq!(poll.polled().latest.as_deref(), Some(&"now"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_keeps_the_latest_result() {
        let poll = Poll::new(AGE);
        let done = poll.refresh(AGE, async { Ok::<_, Infallible>(7) });
        done.expect("no result yet").await;
        let never = std::future::pending::<Result<i32, Infallible>>();
        poll.refresh(Duration::ZERO, never).expect("sent").await;
        let polled = poll.polled();
        assert_eq!(polled.latest.as_deref(), Some(&7));
        assert_eq!(polled.why_unknown(), Some("no answer within 1 s"));
    }
}
