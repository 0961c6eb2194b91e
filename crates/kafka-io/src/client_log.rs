//! What librdkafka logs, in our log.

use rdkafka::config::RDKafkaLogLevel;

/// Passes librdkafka's own log lines on.
///
/// A property for the other kind of client is not worth a warning, since `-X` is for both; of
/// each connection that fails the pipeline tells once, when no broker is left.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Emerg, Error, Info, Notice, Warning};
    match level {
        _ if matches!(facility, "CONFWARN" | "FAIL" | "ERROR") => {
            tracing::debug!("librdkafka: {facility}: {message}")
        }
        Emerg | Alert | Critical | Error => tracing::error!("librdkafka: {facility}: {message}"),
        Warning => tracing::warn!("librdkafka: {facility}: {message}"),
        Notice | Info => tracing::info!("librdkafka: {facility}: {message}"),
        RDKafkaLogLevel::Debug => tracing::debug!("librdkafka: {facility}: {message}"),
    }
}
