//! Structured logs to standard error, filtered by `RUST_LOG` (default `info`). What Kafka's client
//! repeats while a broker is away is written once in half a minute.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, registry};

use crate::UsageError;
use crate::repeats::Repeats;

/// What logs the same several times a second while a broker is away.
const REPEATING: &[&str] = &["librdkafka", "rdkafka", "kafka_io::ends"];

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people: time, level, message, fields.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Installs the process's log subscriber with the default level `info`; later calls change nothing.
///
/// # Errors
/// Where `RUST_LOG` is no filter.
pub fn init(format: LogFormat) -> Result<(), UsageError> {
    init_with_default(format, "info")
}

/// As [`init`], with `default` as the filter where `RUST_LOG` is not set.
///
/// # Errors
/// Where `RUST_LOG` is no filter.
pub fn init_with_default(format: LogFormat, default: &str) -> Result<(), UsageError> {
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let text = if asked.is_empty() { default } else { &asked };
    let filter = EnvFilter::try_new(text).map_err(|error| {
        UsageError(format!(
            "RUST_LOG={text}: {error}; write a level, such as info, or module=level pairs"
        ))
    })?;
    let lines = fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let passed = registry().with(filter).with(Repeats::of(REPEATING));
    // A second installation (several services in one process, tests) keeps the first.
    let _ = match format {
        LogFormat::Text => passed.with(lines.with_target(false)).try_init(),
        LogFormat::Json => passed.with(lines.json().flatten_event(true)).try_init(),
    };
    Ok(())
}
