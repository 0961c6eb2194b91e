//! The predictor as a process.

use std::process::Command;

use test_support::Process;

use super::cluster::Cluster;

pub struct Instance(Process);

/// As short as a broker allows by default, so that the group notices a killed member soon.
pub const SHORT_SESSION: [&str; 2] = ["-X", "session.timeout.ms=6000"];

impl Instance {
    pub fn start(cluster: &Cluster, model_url: &str) -> Self {
        Self::start_with(cluster, model_url, &[])
    }

    pub fn start_with(cluster: &Cluster, model_url: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_predictor"));
        command
            .args(["--bootstrap-servers", cluster.broker.bootstrap_servers()])
            .args(["--input-topic", &cluster.input])
            .args(["--output-topic", &cluster.output])
            .args(["--group-id", &cluster.group])
            .args(["--model-url", model_url])
            .args(["--listen", "127.0.0.1:0"])
            .args(["--request-timeout", "2000"])
            // Members notice soon that the group changes.
            .args(["-X", "heartbeat.interval.ms=500"])
            // A busy machine needs time to finish the batches in progress.
            .args(["--drain-timeout", "30000"])
            .args(more);
        Self(Process::start(&mut command))
    }

    /// SIGKILL.
    pub fn kill(self) {
        self.0.kill();
    }

    /// SIGTERM; waits until it has shut down without an error.
    pub async fn stop(self) {
        let status = self.0.stop().await;
        assert!(status.success(), "it ended with {status}");
    }
}
