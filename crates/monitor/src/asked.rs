//! Questions that are asked again and again. Each is asked in a task of its own with a deadline of
//! its own, so that one that is slow to answer holds up nobody who wants the other answers.

use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;

/// An answer that is older than this is waited for, where a newer one may come.
const STALE: Duration = Duration::from_secs(5);

/// What was last said, and why there is no answer now.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// The last answer.
    pub(crate) last: Option<Arc<T>>,
    /// When it came.
    pub(crate) came: Option<Instant>,
    /// Why there is no newer one.
    pub(crate) failure: Option<String>,
}

impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        Self {
            last: self.last.clone(),
            came: self.came,
            failure: self.failure.clone(),
        }
    }
}

impl<T> Default for Answer<T> {
    fn default() -> Self {
        Self {
            last: None,
            came: None,
            failure: None,
        }
    }
}

impl<T> Answer<T> {
    /// The answer as it is now; none where that is not known.
    pub(crate) fn known(&self) -> Option<&T> {
        let last = self.last.as_deref();
        last.filter(|_| self.failure.is_none())
    }

    /// Why it is not known what the answer is now; none where it is known.
    pub(crate) fn unknown(&self) -> Option<&str> {
        match (&self.failure, &self.last) {
            (Some(failure), _) => Some(failure),
            (None, None) => Some("not asked yet"),
            (None, Some(_)) => None,
        }
    }
}

/// A question; clones share its answer.
#[derive(Debug)]
pub(crate) struct Question<T>(Arc<Shared<T>>);

impl<T> Clone for Question<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Shared<T> {
    deadline: Duration,
    state: Mutex<State<T>>,
    /// Held by the task that asks.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
struct State<T> {
    answer: Answer<T>,
    /// When the last answer or failure came.
    told: Option<Instant>,
}

impl<T: Send + Sync + 'static> Question<T> {
    /// A question that is answered within `deadline` or not at all.
    pub(crate) fn new(deadline: Duration) -> Self {
        Self(Arc::new(Shared {
            deadline,
            state: Mutex::new(State {
                answer: Answer::default(),
                told: None,
            }),
            turn: Arc::default(),
        }))
    }

    /// The last answer.
    pub(crate) fn answer(&self) -> Answer<T> {
        self.0.state().answer.clone()
    }

    /// Asks, unless the last answer or failure is younger than `age`, or it is being asked already;
    /// where `age` is zero, in any case.
    ///
    /// What is returned ends with an answer or a failure; none where the last one will do while a
    /// newer one is on its way.
    pub(crate) fn renew<E: Display>(
        &self,
        age: Duration,
        asked: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Option<BoxFuture<'static, ()>> {
        let told = self.0.state().told;
        if told.is_some_and(|told| told.elapsed() < age) {
            return None;
        }
        let (shared, turn) = (Arc::clone(&self.0), Arc::clone(&self.0.turn));
        let answered = match Arc::clone(&turn).try_lock_owned() {
            Ok(turn) => in_a_task(async move {
                shared.ask(asked).await;
                drop(turn);
            }),
            Err(_) if age.is_zero() => in_a_task(async move {
                let _turn = turn.lock_owned().await;
                shared.ask(asked).await;
            }),
            Err(_) => async move { drop(turn.lock().await) }.boxed(),
        };
        let old = age.is_zero() || told.is_none_or(|told| told.elapsed() >= STALE);
        old.then_some(answered)
    }

    /// Ends with the answer to what is being asked; none where the last one will do.
    pub(crate) fn awaited(&self) -> Option<BoxFuture<'static, ()>> {
        let told = self.0.state().told;
        let turn = Arc::clone(&self.0.turn);
        let old = told.is_none_or(|told| told.elapsed() >= STALE);
        let asked = turn.try_lock().is_err();
        (old && asked).then(|| async move { drop(turn.lock().await) }.boxed())
    }
}

impl<T> Shared<T> {
    async fn ask<E: Display>(&self, asked: impl Future<Output = Result<T, E>>) {
        let outcome = tokio::time::timeout(self.deadline, asked).await;
        let mut state = self.state();
        let now = Instant::now();
        state.told = Some(now);
        match outcome {
            Ok(Ok(answer)) => {
                state.answer = Answer {
                    last: Some(Arc::new(answer)),
                    came: Some(now),
                    failure: None,
                };
            }
            Ok(Err(error)) => state.answer.failure = Some(format!("{error:#}")),
            Err(_) => {
                let deadline = self.deadline.as_secs_f64();
                state.answer.failure = Some(format!("does not answer within {deadline} s"));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // A plain value that each change leaves whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs to its end whoever waits for it.
fn in_a_task(work: impl Future<Output = ()> + Send + 'static) -> BoxFuture<'static, ()> {
    tokio::spawn(work).map(drop).boxed()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const AGE: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn who_waits_no_longer_gets_the_answer_at_the_next_look() {
        let question = Question::new(Duration::from_secs(9));
        let slow = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            Ok::<_, Infallible>("here")
        };
        let waited = question.renew(AGE, slow).expect("nothing is known yet");
        assert!(tokio::time::timeout(AGE, waited).await.is_err());
        assert_eq!(question.answer().unknown(), Some("not asked yet"));
        // Asked once at a time: this one waits for the one under way.
        let second = question.renew(AGE, async { Ok::<_, Infallible>("again") });
        second.expect("nothing is known yet").await;
        let answer = question.answer();
        assert_eq!(answer.last.as_deref(), Some(&"here"));
        let fresh = question.renew(AGE, async { Ok::<_, Infallible>("too early") });
        assert!(fresh.is_none());
        let now = question.renew(Duration::ZERO, async { Ok::<_, Infallible>("now") });
        now.expect("in any case").await;
        assert_eq!(question.answer().last.as_deref(), Some(&"now"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_answered_stays_with_why_there_is_no_answer_now() {
        let question = Question::new(AGE);
        let answered = question.renew(AGE, async { Ok::<_, Infallible>(7) });
        answered.expect("nothing is known yet").await;
        let never = std::future::pending::<Result<i32, Infallible>>();
        question.renew(Duration::ZERO, never).expect("asked").await;
        let answer = question.answer();
        assert_eq!(answer.last.as_deref(), Some(&7));
        assert_eq!(answer.unknown(), Some("does not answer within 1 s"));
    }
}
