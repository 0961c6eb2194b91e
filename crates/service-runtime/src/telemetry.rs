//! Structured logs on standard error, filtered by `RUST_LOG` (default `info`). Messages that the Kafka
//! client repeats while a broker is down are logged once every 30 seconds.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

use crate::UsageError;
use crate::repeats::RepeatFilter;

/// Targets that repeat the same message several times a second while a broker is down.
const REPEATING: &[&str] = &["librdkafka", "rdkafka", "kafka_io::client::eof"];

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people: time, level, message, fields.
    #[default]
    Text,
    /// For machines: one JSON object per line.
    Json,
}

/// Installs the process's log subscriber with the default level `info`. Later calls have no effect.
///
/// # Errors
/// `RUST_LOG` is not a valid filter.
pub fn init(format: LogFormat) -> Result<(), UsageError> {
    init_with_default(format, "info")
}

/// Like [`init`], with `default` as the filter if `RUST_LOG` is not set.
///
/// # Errors
/// `RUST_LOG` is not a valid filter.
pub fn init_with_default(format: LogFormat, default: &str) -> Result<(), UsageError> {
    let variable = std::env::var("RUST_LOG").unwrap_or_default();
    let text = if variable.is_empty() {
        default
    } else {
        &variable
    };
    let mut filter: Targets = text.parse().map_err(|error| {
        UsageError(format!(
            "RUST_LOG={text}: {error}; write a level, such as info, or module=level pairs"
        ))
    })?;
    if filter.default_level().is_none() {
        filter = filter.with_default(LevelFilter::ERROR);
    }
    let lines = fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let filtered = registry().with(filter).with(RepeatFilter::new(REPEATING));
    // Fails if there is a subscriber already: several services in one process, or tests.
    let _ = match format {
        LogFormat::Text => filtered.with(lines.with_target(false)).try_init(),
        LogFormat::Json => filtered.with(lines.json().flatten_event(true)).try_init(),
    };
    Ok(())
}
