//! The program's command line, and the producer with its endpoints.

use std::net::SocketAddr;
use std::sync::Arc;

use feed::Progress;
use kafka_io::KafkaSettings;
use pipeline::Definition;
use pipeline_folder::FolderArgs;
use prometheus_client::registry::Registry;
use service_runtime::cli::{ServiceArgs, ServiceCommand};
use service_runtime::{CancellationToken, Readiness, Tasks, UsageError, ops, server};

use crate::{Config, FishProducer, MAX_SPEED};

/// Simulate the two machines of a fish factory on Kafka: one measures fish, the other weighs them
#[derive(Clone, Debug, clap::Parser)]
#[command(version)]
pub struct Cli {
    /// A command to run instead of the service.
    #[command(subcommand)]
    pub command: Option<ServiceCommand>,
    /// The settings of this service.
    #[command(flatten)]
    pub settings: Settings,
    /// The settings of all services.
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// Settings of the service around the simulation.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// The pipeline. For another one than the fish factory, the program sends nothing.
    #[command(flatten)]
    pub folder: FolderArgs,
    /// The simulation.
    #[command(flatten)]
    pub simulation: Config,
    /// How to reach Kafka.
    #[command(flatten)]
    pub kafka: KafkaSettings,
    /// Address of /healthz, /readyz and /metrics
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8002")]
    pub listen: SocketAddr,
}

/// Runs the producer and its endpoints until the plan ends or `shutdown` is cancelled.
///
/// # Errors
/// If a setting is invalid (a [`UsageError`]) or a record is lost.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    if settings.simulation.speed == Some(MAX_SPEED) {
        let text = "--speed max: needs the whole pipeline in this process, as in `catchweight` and \
            `catchweight up`; set a number, such as 1000";
        return Err(UsageError(text.to_owned()).into());
    }
    if settings.folder.open()?.definition != Definition::shipped() {
        return idle(settings.listen, shutdown).await;
    }
    let producer = FishProducer::bind(&settings.simulation, &settings.kafka)?;
    let listener = server::listen(settings.listen).await?;
    let mut registry = ops::registry();
    register(&producer.progress(), &mut registry);
    let router = ops::router(Arc::new(registry), producer.readiness());

    let mut tasks = Tasks::new(shutdown);
    // The endpoints end with the plan.
    let done = tasks.shutdown().child_token();
    tasks.spawn(
        "ops endpoint",
        server::serve(listener, router, done.clone()),
    );
    let run = producer.run(tasks.shutdown());
    tasks.spawn("fish-producer", async move {
        let outcome = run.await;
        done.cancel();
        outcome
    });
    tasks.join().await
}

/// Serves the endpoints until `shutdown` without sending anything: a container that ends would be started again
/// for ever.
async fn idle(listen: SocketAddr, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = server::listen(listen).await?;
    tracing::warn!(
        "the pipeline is not the fish factory: sending nothing; send its rows with `catchweight feed`"
    );
    let mut registry = ops::registry();
    register(&Progress::default(), &mut registry);
    let readiness = Readiness::not_yet("starting");
    readiness.set_ready();
    let router = ops::router(Arc::new(registry), readiness);
    server::serve(listener, router, shutdown).await
}

fn register(progress: &Progress, registry: &mut Registry) {
    let (measured, weighed, in_flight) = progress.metrics();
    registry.register(
        "fish_measured",
        "Measurements acknowledged by Kafka",
        measured,
    );
    registry.register("fish_weighed", "Weighings acknowledged by Kafka", weighed);
    registry.register(
        "fish_producer_records_in_flight",
        "Records sent but not acknowledged by Kafka",
        in_flight,
    );
}
