//! Work that must not hold up requests: a thread of its own that leaves the cores to others.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// By how much (0 to 20) the thread's work is nicer than that of the threads that answer.
const NICENESS: i32 = 15;

/// A thread at a low priority, with a runtime of its own: what is spawned on it computes there, and
/// what it starts with `spawn_blocking` runs at the same priority. Clones share the thread, which
/// ends with the last of them.
#[derive(Clone, Debug)]
pub struct Background {
    runtime: Handle,
    _end: Arc<DropGuard>,
}

impl Background {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the operating system gives no thread.
    pub fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name(name)
            .build()?;
        let (handle, end) = (runtime.handle().clone(), CancellationToken::new());
        let ended = end.clone();
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                lower_priority();
                runtime.block_on(ended.cancelled());
            })?;
        Ok(Self {
            runtime: handle,
            _end: Arc::new(end.drop_guard()),
        })
    }

    /// Runs a task there, counted by `tasks`.
    pub fn spawn<T>(&self, tasks: &TaskTracker, task: T) -> JoinHandle<T::Output>
    where
        T: Future<Output: Send> + Send + 'static,
    {
        tasks.spawn_on(task, &self.runtime)
    }
}

/// Of this thread and of those that it starts, which inherit it. Elsewhere than on Linux a priority
/// is the whole process's, which is left as it is.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "the priority of background work stays as it is");
    }
}
