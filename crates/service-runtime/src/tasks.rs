//! A group of tasks that fails and shuts down together.

use std::future::Future;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A group of named tasks. The first one that fails cancels the others, and its error is the result.
#[derive(Debug)]
pub struct Tasks {
    shutdown: CancellationToken,
    set: JoinSet<(String, anyhow::Result<()>)>,
}

impl Tasks {
    /// An empty group. Its tasks must watch `shutdown`, which is cancelled if one of them fails.
    pub fn new(shutdown: CancellationToken) -> Self {
        Self {
            shutdown,
            set: JoinSet::new(),
        }
    }

    /// The token that the group's tasks must watch.
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Starts a task. A task that ends with `Ok` does not end the others.
    pub fn spawn<T>(&mut self, name: impl Into<String>, task: T)
    where
        T: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let name = name.into();
        self.set.spawn(async move { (name, task.await) });
    }

    /// Waits until all tasks have ended.
    ///
    /// # Errors
    /// The first error of a task, with the task's name, or the first panic. Later ones are logged.
    pub async fn join(mut self) -> anyhow::Result<()> {
        let mut first = Ok(());
        while let Some(ended) = self.set.join_next().await {
            let outcome = match ended {
                Ok((name, outcome)) => outcome.with_context(|| format!("{name} failed")),
                Err(panic) => Err(anyhow::Error::new(panic).context("a task panicked")),
            };
            let Err(error) = outcome else { continue };
            self.shutdown.cancel();
            if first.is_ok() {
                first = Err(error);
            } else {
                tracing::error!(error = format!("{error:#}"), "another task failed too");
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_first_failure_cancels_the_others_and_is_returned() {
        let mut tasks = Tasks::new(CancellationToken::new());
        let shutdown = tasks.shutdown();
        tasks.spawn("sibling", async move {
            shutdown.cancelled().await;
            Ok(())
        });
        tasks.spawn("broken", async { anyhow::bail!("out of fish") });
        let outcome = tokio::time::timeout(Duration::from_secs(5), tasks.join()).await;
        let error = outcome
            .expect("the sibling ended")
            .expect_err("a task failed");
        assert_eq!(format!("{error:#}"), "broken failed: out of fish");
    }

    #[tokio::test]
    async fn a_panic_in_a_task_is_an_error() {
        let mut tasks = Tasks::new(CancellationToken::new());
        tasks.spawn("panics", async { panic!("scales are broken") });
        let outcome = tokio::time::timeout(Duration::from_secs(5), tasks.join()).await;
        assert!(outcome.expect("ended").is_err());
    }
}
