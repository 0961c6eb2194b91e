//! ksqlDB's REST API over the engine on any Kafka:
//! `cargo run -p ksql-server --example server -- --bootstrap-servers HOST:PORT --listen HOST:PORT`.
//!
//! State and declarations are in memory. After a restart, send the statements again; with
//! `SET 'auto.offset.reset'='earliest';`, their queries read everything again.

#![allow(missing_docs)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use kafka_io::KafkaSettings;
use ksql_engine::kafka::{Options, Runtime};
use ksql_server::{Config, KafkaTopics, KsqlServer, Limits, Token};
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

    /// A host name to accept in addition to IP addresses and localhost; repeatable, or separated by commas
    #[arg(
        long = "allowed-host",
        env = "KSQL_HOST_NAME",
        value_name = "NAME",
        value_delimiter = ','
    )]
    allowed_hosts: Vec<String>,

    /// File with a token; without it, clients may only read
    #[arg(long, env = "TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// For tests: read the partitions of a query one after the other, each this many seconds later than
    /// the one before, and do not merge them by time
    #[arg(long, value_name = "SECONDS")]
    disorder: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let (service, listen) = (args.service.clone(), args.listen);
    cli::run(&service, None, listen, |shutdown| serve(args, shutdown))
}

async fn serve(args: Args, shutdown: CancellationToken) -> anyhow::Result<()> {
    let kafka = args.kafka;
    let token = args
        .token_file
        .map(|file| Token::read("--token-file", &file))
        .transpose()?;
    let options = Options {
        disorder: args.disorder.map(Duration::from_secs),
        ..Options::default()
    };
    let starting = Runtime::start(kafka.clone(), options);
    let Some(runtime) = shutdown.run_until_cancelled(starting).await else {
        return Ok(());
    };
    let runtime = runtime?;
    let topics = Arc::new(KafkaTopics::of(&runtime)?);
    let config = Config {
        listen: args.listen,
        limits: Limits::default(),
        allowed_hosts: args.allowed_hosts,
        token,
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
