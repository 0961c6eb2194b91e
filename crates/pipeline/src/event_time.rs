//! Event time: when something happened, not when it was processed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A moment in UTC with millisecond resolution.
///
/// Its text form is RFC 3339 with a `Z` and exactly three fractional digits
/// (`2021-06-09T13:39:27.971Z`), so texts sort like times. It is also the record's Kafka timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(Timestamp);

/// The text or number is not an event time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a UTC time like 2021-06-09T13:39:27.971Z (three fractional digits, years 0000 to 9999), got `{0}`"
)]
pub struct EventTimeError(String);

const FIRST_MILLIS: i64 = -62_167_219_200_000; // 0000-01-01T00:00:00.000Z
const LAST_MILLIS: i64 = 253_402_207_199_999; // jiff's limit, in the year 9999

impl EventTime {
    /// The time at `millis` milliseconds since 1970-01-01T00:00Z, as in a Kafka timestamp.
    ///
    /// # Errors
    /// If the year does not have four digits.
    pub fn from_millis(millis: i64) -> Result<Self, EventTimeError> {
        if !(FIRST_MILLIS..=LAST_MILLIS).contains(&millis) {
            return Err(EventTimeError(millis.to_string()));
        }
        Timestamp::from_millisecond(millis)
            .map(Self)
            .map_err(|_| EventTimeError(millis.to_string()))
    }

    /// A time in any ISO 8601 form, such as `2021-06-09 15:39:27+02:00`, in UTC if it has no offset,
    /// truncated to milliseconds.
    ///
    /// # Errors
    /// The text is not such a time, or the year does not have four digits.
    pub fn from_text(text: &str) -> Result<Self, EventTimeError> {
        let wrong = || EventTimeError(text.to_owned());
        let time = Timestamp::from_str(text).or_else(|_| {
            let local = DateTime::from_str(text)?;
            TimeZone::UTC.to_timestamp(local)
        });
        let time = time.map_err(|_| wrong())?;
        Self::from_millis(time.as_millisecond()).map_err(|_| wrong())
    }

    /// Milliseconds since 1970-01-01T00:00Z.
    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// The current time by the wall clock, truncated to milliseconds.
    pub fn now() -> Self {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).map_or(Self(now), Self)
    }

    /// This time plus `duration`, at most the last representable time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        self.moved(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }

    /// This time minus `duration`, at least the first representable time.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        self.moved(i64::try_from(duration.as_millis()).map_or(i64::MIN, |millis| -millis))
    }

    fn moved(self, by: i64) -> Self {
        let millis = self
            .as_millis()
            .saturating_add(by)
            .clamp(FIRST_MILLIS, LAST_MILLIS);
        Timestamp::from_millisecond(millis).map_or(self, Self)
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl FromStr for EventTime {
    type Err = EventTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || EventTimeError(text.to_owned());
        let time = Timestamp::from_str(text).map_err(|_| wrong())?;
        let parsed = Self::from_millis(time.as_millisecond()).map_err(|_| wrong())?;
        if parsed.to_string() == text {
            Ok(parsed)
        } else {
            Err(wrong())
        }
    }
}

impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = EventTime;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a UTC time like 2021-06-09T13:39:27.971Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<EventTime, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}
