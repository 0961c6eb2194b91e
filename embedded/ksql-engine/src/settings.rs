//! The settings that statements may change, and their valid values.

/// Where new queries start to read: `earliest` or `latest`.
pub const OFFSET_RESET: &str = "auto.offset.reset";

/// The two names of the size of ksqlDB's record cache. Only 0 has an effect. If both are set, the first
/// one takes precedence.
pub const RECORD_CACHE: [&str; 2] = ["statestore.cache.max.bytes", "cache.max.bytes.buffering"];

/// Whether `EMIT FINAL` is allowed; only `true` is valid.
pub const SUPPRESS: &str = "ksql.suppress.enabled";

/// Whether the setting is the size of the record cache.
pub(crate) fn is_record_cache(name: &str) -> bool {
    RECORD_CACHE.contains(&name)
}

/// What is wrong with the value of one of these settings.
pub fn value_problem(name: &str, value: &str) -> Option<&'static str> {
    match name {
        OFFSET_RESET if !matches!(value, "earliest" | "latest") => {
            Some("expected 'earliest' or 'latest'")
        }
        SUPPRESS if !value.eq_ignore_ascii_case("true") => {
            Some("EMIT FINAL cannot be turned off: expected 'true'")
        }
        _ if is_record_cache(name) && value.parse::<u64>().is_err() => {
            Some("expected a number of bytes")
        }
        _ => None,
    }
}
