//! The embedded pipeline with all its parts, in this process.

use std::time::Duration;

use catchweight::embedded::{Embedded, PipelineArgs};
use fish_producer::FishProducer;
use pipeline::Definition;
use pipeline_folder::Folder;
use report::Ledger;
use service_runtime::{CancellationToken, Tasks};
use tempfile::TempDir;
use test_support::within;

/// Fast, but slow enough for a busy machine.
const SPEED: f64 = 30.0;

pub(crate) fn fish(plan: &str, seed: u64) -> fish_producer::Config {
    fish_producer::Config {
        plan: plan.parse().expect("a plan"),
        seed: Some(seed),
        speed: Some(SPEED),
        ..fish_producer::Config::default()
    }
}

/// Any free ports: tests run side by side.
pub(crate) fn pipeline() -> PipelineArgs {
    PipelineArgs {
        port: Some(0),
        ksql_port: Some(0),
        monitor_port: Some(0),
        ..PipelineArgs::default()
    }
}

/// A running pipeline.
pub(crate) struct Running {
    pub(crate) embedded: Embedded,
    pub(crate) tasks: Tasks,
    pub(crate) data: TempDir,
}

impl Running {
    /// Starts all parts; no fish yet.
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut tasks = Tasks::new(CancellationToken::new());
        let settings = pipeline();
        let folder = Folder::shipped();
        let embedded = Embedded::start(
            &settings,
            &folder,
            data.path(),
            Ledger::new(Definition::shipped()),
            &mut tasks,
        );
        let embedded = embedded.await.expect("the pipeline starts");
        within("the pipeline is ready", embedded.readiness().ready()).await;
        Self {
            embedded,
            tasks,
            data,
        }
    }

    /// Produces the fish of a plan in the background.
    pub(crate) fn produce(&mut self, plan: &str) {
        let producer = FishProducer::bind(&fish(plan, 1), self.embedded.kafka());
        let stop = self.tasks.shutdown();
        self.tasks
            .spawn("fish producer", producer.expect("settings").run(stop));
    }

    /// Produces fish for longer than any test runs.
    pub(crate) fn produce_forever(&mut self) {
        self.produce("salmon:100000");
    }

    /// Waits until this many fish are stored.
    pub(crate) async fn settled(&self, fish: u64) {
        let view = self.embedded.view();
        let settled = view.settled(Some(fish), Duration::ZERO, Duration::MAX);
        let settled = within("every fish is stored", settled).await;
        settled.expect("endless patience");
    }

    pub(crate) async fn stop(self) {
        self.tasks.shutdown().cancel();
        let ended = within("all parts end", self.tasks.join()).await;
        ended.expect("no part fails");
    }
}
