//! Stops the parts of the pipeline one after the other, in the order of the flow: a part that still works
//! on its last records finds those that it needs.

use std::time::Duration;

use service_runtime::{CancellationToken, Tasks};

/// How long a part may take to stop before the next one is stopped as well.
const PATIENCE: Duration = Duration::from_secs(5);

/// A part of the pipeline, in the order in which the parts stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Predictor,
    SqlEngine,
    Connect,
    SqlApi,
    LivePage,
    ModelServer,
}

/// The parts that were started so far.
pub(super) struct Stages<'a> {
    tasks: &'a mut Tasks,
    parts: Vec<Stage>,
}

struct Stage {
    part: Part,
    stop: CancellationToken,
    ended: CancellationToken,
}

impl<'a> Stages<'a> {
    pub(super) fn new(tasks: &'a mut Tasks) -> Self {
        Self {
            tasks,
            parts: Vec::new(),
        }
    }

    /// Starts a part. `run` gets the token that stops it.
    pub(super) fn spawn<F>(
        &mut self,
        part: Part,
        name: &str,
        run: impl FnOnce(CancellationToken) -> F,
    ) where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let running = run(stop.clone());
        let guard = ended.clone().drop_guard();
        self.tasks.spawn(name, async move {
            let _guard = guard;
            running.await
        });
        self.parts.push(Stage { part, stop, ended });
    }

    /// All parts have started: stops them in order when the group of tasks shuts down.
    pub(super) fn finish(self) {
        let Self { tasks, mut parts } = self;
        parts.sort_by_key(|stage| stage.part);
        let shutdown = tasks.shutdown();
        tasks.spawn("shutdown", async move {
            shutdown.cancelled().await;
            for stage in &parts {
                stage.stop.cancel();
                // A part that takes longer stops together with the next ones.
                let _ = tokio::time::timeout(PATIENCE, stage.ended.cancelled()).await;
            }
            Ok(())
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn parts_stop_in_the_order_of_the_flow() {
        let stopped = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Tasks::new(CancellationToken::new());
        let shutdown = tasks.shutdown();
        let mut stages = Stages::new(&mut tasks);
        for part in [Part::ModelServer, Part::Predictor, Part::Connect] {
            let stopped = Arc::clone(&stopped);
            stages.spawn(part, "part", |stop| async move {
                stop.cancelled().await;
                tokio::task::yield_now().await;
                stopped.lock().expect("no panic").push(part);
                Ok(())
            });
        }
        stages.finish();
        shutdown.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(4), tasks.join()).await;
        ended
            .expect("no part waits for the timeout")
            .expect("no part fails");
        let order = [Part::Predictor, Part::Connect, Part::ModelServer];
        assert_eq!(*stopped.lock().expect("no panic"), order);
    }
}
