//! The only test in its process, because it sends signals to that process.
#![allow(clippy::expect_used)]

use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);

/// Sends SIGINT to this process.
fn interrupt() {
    let process = std::process::id().to_string();
    let sent = Command::new("kill").args(["-INT", &process]).status();
    assert!(sent.expect("kill runs").success());
}

#[test]
fn a_signal_a_second_after_the_first_aborts_the_job() {
    let (ended, outcome) = channel();
    let (cancelled, shut_down) = channel();
    std::thread::spawn(move || {
        let outcome = service_runtime::cli::block_on(|shutdown| async move {
            interrupt();
            shutdown.cancelled().await;
            cancelled.send(Instant::now()).expect("the test waits");
            std::future::pending::<anyhow::Result<()>>().await
        });
        ended.send(outcome)
    });
    let first = shut_down.recv_timeout(LIMIT).expect("the first signal");
    // Signals within a second of the first are ignored.
    let outcome = loop {
        interrupt();
        match outcome.recv_timeout(Duration::from_millis(50)) {
            Err(RecvTimeoutError::Timeout) => {
                assert!(first.elapsed() < LIMIT, "the job does not end")
            }
            outcome => break outcome.expect("an outcome"),
        }
    };
    assert!(outcome.is_err());
    assert!(first.elapsed() > Duration::from_millis(900));
}
