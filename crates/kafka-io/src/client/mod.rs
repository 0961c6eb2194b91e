//! Kafka clients: settings, statistics, reachability, records.

mod eof;
mod headers;
mod reachability;
mod record;
mod refusal;
mod scan;
mod settings;
mod statistics;

pub use eof::{EofContext, is_transient, partition_count};
pub use headers::readable_headers;
pub use reachability::Unreachable;
pub use record::Record;
pub(crate) use refusal::RefusedConnection;
pub use scan::{ScanError, scan};
pub use settings::{KafkaProperty, KafkaSettings, PropertyError};
pub(crate) use statistics::ClientMetrics;

#[cfg(test)]
pub(crate) use record::tests::record;

use rdkafka::config::RDKafkaLogLevel;

/// Forwards a log line of librdkafka.
///
/// Some lines are only worth `debug`: properties of the other kind of client (`-X` is for both), and
/// single failed connections (the pipeline logs once when no broker is left).
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
    match level {
        _ if matches!(facility, "CONFWARN" | "FAIL" | "ERROR") => {
            tracing::debug!("librdkafka: {facility}: {message}")
        }
        Emerg | Alert | Critical | Error => tracing::error!("librdkafka: {facility}: {message}"),
        Warning => tracing::warn!("librdkafka: {facility}: {message}"),
        Notice | Info => tracing::info!("librdkafka: {facility}: {message}"),
        Debug => tracing::debug!("librdkafka: {facility}: {message}"),
    }
}
