//! How many files the process may have open; each connection is one.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::Semaphore;

/// Files that are left for the store, for Kafka and for calls of other services; where there are few,
/// half of them.
const OTHERS: u64 = 256;

/// Room for connections that all servers of the process share.
pub(crate) static CONNECTIONS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let places = connections(getrlimit(Resource::Nofile).current);
    Arc::new(Semaphore::new(places.get()))
});

/// Allows the process as many files as the operating system lets it have.
pub(crate) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// How many connections fit a limit of open files; none means that there is no limit.
fn connections(files: Option<u64>) -> NonZeroUsize {
    let places = files.map_or(u64::MAX, |files| files - OTHERS.min(files / 2));
    let places = usize::try_from(places).unwrap_or(usize::MAX);
    let places = places.min(Semaphore::MAX_PERMITS);
    NonZeroUsize::new(places).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest_of_the_process() {
        assert_eq!(connections(Some(1_024)).get(), 768);
        assert_eq!(connections(Some(256)).get(), 128);
        assert_eq!(connections(Some(0)).get(), 1);
        assert_eq!(connections(None).get(), Semaphore::MAX_PERMITS);
    }

    #[test]
    fn the_process_takes_the_files_that_it_may_have() {
        raise_limit();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
