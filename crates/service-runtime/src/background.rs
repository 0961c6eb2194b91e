//! A thread for work that must not slow down requests.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Niceness of the thread relative to the threads that answer requests (0 to 19).
const NICENESS: i32 = 15;

/// A low-priority thread with its own runtime. Closures that its tasks pass to `spawn_blocking` have the
/// same priority. Clones share the thread, which ends when the last of them is dropped.
#[derive(Clone, Debug)]
pub struct Background {
    runtime: Handle,
    _stop: Arc<DropGuard>,
}

impl Background {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system cannot create a thread.
    pub fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name(name)
            .build()?;
        let (handle, stop) = (runtime.handle().clone(), CancellationToken::new());
        let stopped = stop.clone();
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                lower_priority();
                runtime.block_on(stopped.cancelled());
            })?;
        Ok(Self {
            runtime: handle,
            _stop: Arc::new(stop.drop_guard()),
        })
    }

    /// Runs a task on the thread and tracks it with `tasks`.
    pub fn spawn<T>(&self, tasks: &TaskTracker, task: T) -> JoinHandle<T::Output>
    where
        T: Future<Output: Send> + Send + 'static,
    {
        tasks.spawn_on(task, &self.runtime)
    }
}

/// Lowers the priority of this thread and of the threads that it starts. Only on Linux: elsewhere the
/// call would change the whole process.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "cannot lower the priority of background work");
    }
}
