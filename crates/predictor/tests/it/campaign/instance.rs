//! The real program as a process of its own.

use std::process::{Child, Command, Stdio};

use super::cluster::Cluster;
use crate::support::eventually;

pub struct Instance(Child);

/// As short as a broker allows by default, so that a killed member is missed soon.
pub const SHORT_SESSION: [&str; 2] = ["-X", "session.timeout.ms=6000"];

impl Instance {
    pub fn start(cluster: &Cluster, model_url: &str) -> Self {
        Self::start_with(cluster, model_url, &[])
    }

    pub fn start_with(cluster: &Cluster, model_url: &str, more: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_predictor"))
            .args(["--bootstrap-servers", &cluster.kafka.bootstrap_servers])
            .args(["--input-topic", &cluster.input])
            .args(["--output-topic", &cluster.output])
            .args(["--group-id", &cluster.group])
            .args(["--model-url", model_url])
            .args(["--listen", "127.0.0.1:0"])
            .args(["--request-timeout", "2000"])
            // So that members learn soon that the group changes.
            .args(["-X", "heartbeat.interval.ms=500"])
            // So that a busy machine has the time to finish what is under way.
            .args(["--drain-timeout", "30000"])
            .args(more)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM, and waits until it has left in good order.
    pub async fn stop(mut self) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(sent.success());
        let status = eventually("the end of a process", || self.0.try_wait().unwrap()).await;
        assert!(status.success(), "it ended with {status}");
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // It has ended already where a test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
