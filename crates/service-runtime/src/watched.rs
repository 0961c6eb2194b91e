//! A value that is read from files, and read again after they change.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How often the files are looked at, at most.
#[cfg(not(test))]
const INTERVAL: Duration = Duration::from_secs(1);
#[cfg(test)]
const INTERVAL: Duration = Duration::ZERO;

/// Reads the value, or says why it cannot be read.
type Read<T> = Box<dyn Fn() -> Result<T, String> + Send + Sync>;

/// A value read from files. There is no task: [`Watched::get`] looks at the files, at most once a second. If
/// new content is not valid, the former value stays, and the error is logged once.
pub(crate) struct Watched<T> {
    what: &'static str,
    files: Vec<PathBuf>,
    read: Read<T>,
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Arc<T>,
    /// The files as they were when they were last read.
    seen: Vec<Option<Stamp>>,
    looked: Instant,
}

/// Changes whenever a file is written or replaced.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl<T> Watched<T> {
    /// Reads the value for the first time. `what` names it in the log.
    ///
    /// # Errors
    /// The error of `read`.
    pub(crate) fn new(
        what: &'static str,
        files: Vec<PathBuf>,
        read: impl Fn() -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        // Before the content: a change in between is then noticed.
        let seen = stamps(&files);
        let state = State {
            value: Arc::new(read()?),
            seen,
            looked: Instant::now(),
        };
        Ok(Self {
            what,
            files,
            read: Box::new(read),
            state: Mutex::new(state),
        })
    }

    /// The value.
    pub(crate) fn get(&self) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= INTERVAL {
            state.looked = Instant::now();
            let stamps = stamps(&self.files);
            if stamps != state.seen {
                state.seen = stamps;
                match (self.read)() {
                    Ok(value) => {
                        state.value = Arc::new(value);
                        tracing::info!("{} replaced", self.what);
                    }
                    Err(error) => tracing::error!("{} not replaced: {error}", self.what),
                }
            }
        }
        Arc::clone(&state.value)
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(self.what).field(&self.files).finish()
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |file: &PathBuf| {
        let metadata = fs::metadata(file).ok()?;
        Some(Stamp {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode: metadata.ino(),
        })
    };
    files.iter().map(stamp).collect()
}
