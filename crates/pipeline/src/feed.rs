//! The CSV rows that are sent through the pipeline.

use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;

/// A CSV file whose rows are sent through the pipeline: `[feed]` in `pipeline.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The file, relative to the folder of the definition.
    pub file: String,
    /// The column with the key; `None`: the key is the row's number.
    pub key: Option<String>,
    /// So many usable rows at the beginning are not sent: the first model is trained on them.
    pub skip: u64,
    /// When the rows happened.
    pub times: FeedTimes,
}

/// When rows are measured, and when their actual value becomes known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedTimes {
    /// The column with the time of the measurement; `None`: one row after the other at the interval.
    pub measured_at: Option<String>,
    /// The column with the time at which the actual value is known; `None`: after the delay.
    pub actual_at: Option<String>,
    /// Event time between two rows. Not used with `measured_at`.
    pub interval: Duration,
    /// Event time from the measurement to the actual value. Not used with `actual_at`.
    pub delay: Duration,
}

impl Default for FeedTimes {
    fn default() -> Self {
        Self {
            measured_at: None,
            actual_at: None,
            interval: Duration::from_secs(2),
            delay: Duration::from_secs(10),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct FeedTable {
    file: String,
    key: Option<String>,
    #[serde(default)]
    skip: u64,
    measured_at: Option<String>,
    actual_at: Option<String>,
    interval: Option<String>,
    delay: Option<String>,
}

impl FeedTable {
    /// # Errors
    /// The key of a wrong value, and what is wrong with it.
    pub(crate) fn checked(self) -> Result<Feed, (&'static str, String)> {
        if self.file.trim().is_empty() {
            return Err(("feed.file", "expected the name of a CSV file".to_owned()));
        }
        let unused = |key, other: &str| {
            (
                key,
                format!("has no effect beside `{other}`; remove one of them"),
            )
        };
        if self.measured_at.is_some() && self.interval.is_some() {
            return Err(unused("feed.interval", "measured-at"));
        }
        if self.actual_at.is_some() && self.delay.is_some() {
            return Err(unused("feed.delay", "actual-at"));
        }
        if self.actual_at.is_some() && self.measured_at.is_none() {
            let reason = "needs `measured-at` too: both times are compared".to_owned();
            return Err(("feed.actual-at", reason));
        }
        let times = FeedTimes::default();
        let or = |key, text: Option<String>, default| match text {
            None => Ok(default),
            Some(text) => duration(&text).ok_or_else(|| {
                let reason = format!(
                    "`{text}`: expected a number with its unit, such as 2s, 500ms or 1m30s"
                );
                (key, reason)
            }),
        };
        let interval = or("feed.interval", self.interval, times.interval)?;
        if interval < Duration::from_millis(1) {
            return Err(("feed.interval", "must be at least 1ms".to_owned()));
        }
        Ok(Feed {
            file: self.file,
            key: self.key,
            skip: self.skip,
            times: FeedTimes {
                measured_at: self.measured_at,
                actual_at: self.actual_at,
                interval,
                delay: or("feed.delay", self.delay, times.delay)?,
            },
        })
    }
}

fn duration(text: &str) -> Option<Duration> {
    let duration: SignedDuration = text.parse().ok()?;
    Duration::try_from(duration).ok()
}
