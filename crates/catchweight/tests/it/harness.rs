//! The embedded pipeline with all its parts, in this process.

use std::time::Duration;

use catchweight::embedded::{Embedded, PipelineArgs};
use fish_producer::FishProducer;
use report::Ledger;
use service_runtime::{CancellationToken, Tasks};
use tempfile::TempDir;
use tokio::time::timeout;

/// Everything that a test waits for comes within this time.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);
/// Fast, and still slow enough that a busy machine keeps up.
const SPEED: f64 = 30.0;

pub(crate) fn fish(plan: &str, seed: u64) -> fish_producer::Config {
    fish_producer::Config {
        plan: plan.parse().expect("a plan"),
        seed: Some(seed),
        speed: Some(SPEED),
        ..fish_producer::Config::default()
    }
}

/// Any free port: tests run side by side.
pub(crate) fn pipeline() -> PipelineArgs {
    PipelineArgs {
        port: Some(0),
        ksql_port: Some(0),
        monitor_port: Some(0),
        ..PipelineArgs::default()
    }
}

/// A pipeline that runs until it is told to stop.
pub(crate) struct Running {
    pub(crate) embedded: Embedded,
    pub(crate) tasks: Tasks,
    pub(crate) data: TempDir,
}

impl Running {
    /// All parts are ready; no fish come yet.
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut tasks = Tasks::new(CancellationToken::new());
        let settings = pipeline();
        let embedded = Embedded::start(&settings, data.path(), Ledger::default(), &mut tasks);
        let embedded = embedded.await.expect("the pipeline starts");
        timeout(LIMIT, embedded.readiness().ready())
            .await
            .expect("the pipeline is ready");
        Self {
            embedded,
            tasks,
            data,
        }
    }

    /// More fish than anybody waits for: the topics are never silent.
    pub(crate) fn fish_come(&mut self) {
        self.fish_of("salmon:100000");
    }

    /// The fish of a plan.
    pub(crate) fn fish_of(&mut self, plan: &str) {
        let plan = fish(plan, 1);
        let machines = FishProducer::bind(&plan, self.embedded.kafka()).expect("settings");
        let stop = self.tasks.shutdown();
        self.tasks.spawn("machines", machines.run(stop));
    }

    pub(crate) async fn stop(self) {
        self.tasks.shutdown().cancel();
        timeout(LIMIT, self.tasks.join())
            .await
            .expect("all parts end")
            .expect("none fails");
    }
}
