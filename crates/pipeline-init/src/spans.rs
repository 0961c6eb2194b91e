//! The times in the SQL, from the times of the rows.

use std::fmt;
use std::time::Duration;

use feed::schedule::Schedule;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Round numbers of seconds.
const ROUND: [u64; 38] = [
    1,
    2,
    5,
    10,
    20,
    30,
    MINUTE,
    2 * MINUTE,
    3 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    20 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    4 * HOUR,
    6 * HOUR,
    8 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    3 * DAY,
    5 * DAY,
    7 * DAY,
    10 * DAY,
    14 * DAY,
    21 * DAY,
    30 * DAY,
    45 * DAY,
    60 * DAY,
    90 * DAY,
    120 * DAY,
    180 * DAY,
    365 * DAY,
    730 * DAY,
    3650 * DAY,
];

/// A window should have about this many rows.
pub const ROWS_PER_WINDOW: usize = 30;

/// A time in the SQL: a whole number of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

impl Span {
    /// The shortest round time that is not shorter than `duration`.
    pub fn at_least(duration: Duration) -> Self {
        let seconds = duration.as_millis().div_ceil(1000);
        let round = ROUND.iter().find(|round| u128::from(**round) >= seconds);
        let days = u64::try_from(seconds.div_ceil(u128::from(DAY))).unwrap_or(u64::MAX / DAY);
        Self(round.copied().unwrap_or(days * DAY))
    }

    /// The longest round time that is not longer than `duration`, but at least a second.
    pub fn at_most(duration: Duration) -> Self {
        let round = ROUND
            .iter()
            .rev()
            .find(|round| **round <= duration.as_secs());
        Self(round.copied().unwrap_or(1))
    }

    /// The time.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = [(DAY, "DAY"), (HOUR, "HOUR"), (MINUTE, "MINUTE")]
            .into_iter()
            .find(|(unit, _)| self.0.is_multiple_of(*unit))
            .unwrap_or((1, "SECOND"));
        let count = self.0 / unit;
        write!(f, "{count} {name}{}", if count == 1 { "" } else { "S" })
    }
}

/// The times in the SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// The longest time from a measurement to its actual value that is joined.
    pub within: Span,
    /// How late a record may arrive to be joined.
    pub join_grace: Span,
    /// The window of the trigger.
    pub window: Span,
    /// How late a row may arrive to be counted in its window.
    pub window_grace: Span,
    /// How long closed windows are kept.
    pub retention: Span,
    /// The longest time from a measurement to its actual value in the file.
    pub longest_delay: Duration,
}

impl Spans {
    /// The times that suit the rows of a schedule.
    pub fn of(schedule: &Schedule) -> Self {
        let (rows_of_a_window, longest_gap) = distances(schedule);
        let minute = Duration::from_secs(MINUTE);
        let day = Duration::from_secs(DAY);
        let window = Span::at_least(rows_of_a_window.max(minute));
        let window_grace = Span::at_most(window.duration() / 6);
        let within = Span::at_least((schedule.longest_delay() * 2).max(minute));
        // A row after the longest gap finds the window before it, however late it is.
        let retention = window.duration() + window_grace.duration() + longest_gap * 2;
        // A replay at any speed may have every row of the file on its way.
        let join_grace = schedule.span().max(within.duration()).max(day);
        Self {
            within,
            join_grace: Span::at_least(join_grace),
            window,
            window_grace,
            retention: Span::at_least(retention.max(day)),
            longest_delay: schedule.longest_delay(),
        }
    }
}

/// The median time in which [`ROWS_PER_WINDOW`] rows are measured, and the longest time between two rows.
fn distances(schedule: &Schedule) -> (Duration, Duration) {
    let times: Vec<i64> = schedule
        .measured_at()
        .map(|time| time.as_millis())
        .collect();
    let duration = |millis: i64| Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    if times.len() < 2 {
        let interval = schedule.interval();
        return (interval * ROWS_PER_WINDOW as u32, interval);
    }
    let apart = ROWS_PER_WINDOW.min(times.len() - 1);
    let mut spans: Vec<i64> = times
        .iter()
        .zip(&times[apart..])
        .map(|(first, last)| last - first)
        .collect();
    spans.sort_unstable();
    let median = spans.get(spans.len() / 2).copied().unwrap_or_default();
    let gaps = times.iter().zip(&times[1..]).map(|(one, next)| next - one);
    (duration(median), duration(gaps.max().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_and_written_as_sql() {
        for (seconds, up, down) in [
            (0, "1 SECOND", "1 SECOND"),
            (10, "10 SECONDS", "10 SECONDS"),
            (61, "2 MINUTES", "1 MINUTE"),
            (3600, "1 HOUR", "1 HOUR"),
            (DAY + 1, "2 DAYS", "1 DAY"),
            (4000 * DAY + 1, "4001 DAYS", "3650 DAYS"),
        ] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(Span::at_least(duration).to_string(), up);
            assert_eq!(Span::at_most(duration).to_string(), down);
        }
    }
}
