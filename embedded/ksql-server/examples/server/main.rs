//! ksqlDB's REST API over the engine on any Kafka:
//! `cargo run -p ksql-server --example server -- --bootstrap-servers HOST:PORT --listen HOST:PORT`.
//!
//! State and declarations are in memory. After a restart, send the statements again; with
//! `SET 'auto.offset.reset'='earliest';`, their queries read everything again.

#![allow(missing_docs)]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use kafka_io::KafkaSettings;
use ksql_engine::kafka::{Options, Runtime};
use ksql_server::{Config, KafkaTopics, KsqlServer, Limits};
use service_runtime::cli::{self, ServiceArgs};
use service_runtime::{CancellationToken, Tasks};

/// Serve ksqlDB's REST API over the engine
#[derive(Debug, Parser)]
#[command(name = "server", version)]
struct Args {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    kafka: KafkaSettings,
    /// Address of the API
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8088")]
    listen: SocketAddr,
}

fn main() -> ExitCode {
    let Args {
        service,
        kafka,
        listen,
    } = Args::parse();
    cli::run(&service, None, listen, |shutdown| {
        serve(kafka, listen, shutdown)
    })
}

async fn serve(
    kafka: KafkaSettings,
    listen: SocketAddr,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let starting = Runtime::start(kafka.clone(), Options::default());
    let Some(runtime) = shutdown.run_until_cancelled(starting).await else {
        return Ok(());
    };
    let runtime = runtime?;
    let topics = Arc::new(KafkaTopics::of(&runtime)?);
    let config = Config {
        listen,
        limits: Limits::default(),
    };
    let server = KsqlServer::bind(config, runtime.clone(), kafka, topics).await?;
    let mut tasks = Tasks::new(shutdown.clone());
    tasks.spawn("the API", server.run(shutdown.clone()));
    tasks.spawn(
        "the queries",
        async move { Ok(runtime.run(shutdown).await?) },
    );
    tasks.join().await
}
