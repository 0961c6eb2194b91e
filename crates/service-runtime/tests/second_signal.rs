//! Alone in its process, because it sends signals to it.
#![allow(clippy::expect_used)]

use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// Sends SIGINT to this process.
fn interrupt() {
    let process = std::process::id().to_string();
    let sent = Command::new("kill").args(["-INT", &process]).status();
    assert!(sent.expect("kill runs").success());
}

#[test]
fn a_job_that_does_not_end_after_the_first_signal_is_broken_off_by_the_second() {
    let (ended, outcome) = mpsc::channel();
    std::thread::spawn(move || {
        let outcome = service_runtime::cli::block_on(|shutdown| async move {
            interrupt();
            shutdown.cancelled().await;
            interrupt();
            std::future::pending::<anyhow::Result<()>>().await
        });
        ended.send(outcome)
    });
    let outcome = outcome.recv_timeout(LIMIT).expect("it ends");
    assert!(outcome.is_err());
}
