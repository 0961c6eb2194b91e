//! In its own process, because it sends signals to it.
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
fn a_second_signal_aborts_a_job_that_ignores_the_first() {
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
