//! The binary: its command line, and the producer next to its endpoints.

use std::net::SocketAddr;
use std::sync::Arc;

use kafka_io::KafkaSettings;
use service_runtime::cli::{ServiceArgs, ServiceCommand};
use service_runtime::{CancellationToken, Tasks, ops, server};

use crate::{Config, FishProducer};

/// Simulates the two machines of a fish factory on Kafka: one measures, the other weighs
#[derive(Clone, Debug, clap::Parser)]
#[command(version)]
pub struct Cli {
    /// What to do instead of running.
    #[command(subcommand)]
    pub command: Option<ServiceCommand>,
    /// The service's own settings.
    #[command(flatten)]
    pub settings: Settings,
    /// What all services have.
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// Settings of the service around the simulation.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// What is simulated.
    #[command(flatten)]
    pub simulation: Config,
    /// Where it is written to.
    #[command(flatten)]
    pub kafka: KafkaSettings,
    /// Address of /healthz, /readyz and /metrics
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8002")]
    pub listen: SocketAddr,
}

/// Runs the producer and its endpoints until the plan ends or `shutdown` is cancelled.
///
/// # Errors
/// Where a setting is wrong (a [`UsageError`](service_runtime::UsageError)) or a record is lost.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let producer = FishProducer::bind(&settings.simulation, &settings.kafka)?;
    let listener = server::listen(settings.listen).await?;
    let mut registry = ops::registry();
    producer.progress().register(&mut registry);
    let router = ops::router(Arc::new(registry), producer.readiness());

    let mut tasks = Tasks::new(shutdown);
    // The endpoints have nothing more to tell when the plan has ended.
    let done = tasks.shutdown().child_token();
    tasks.spawn(
        "ops endpoint",
        server::serve(listener, router, done.clone()),
    );
    let producing = producer.run(tasks.shutdown());
    tasks.spawn("fish-producer", async move {
        let outcome = producing.await;
        done.cancel();
        outcome
    });
    tasks.join().await
}
