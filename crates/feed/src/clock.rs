//! The start of event time, and event time against the wall clock.
//!
//! The trigger's one-minute windows start at whole minutes of event time. So the second of the first
//! record decides when drift is detected, and every plan starts at the same second of a minute.

use std::time::Duration;

use pipeline::EventTime;

/// The first record is measured at this second of a minute.
pub const MARK: Duration = Duration::from_secs(20);

/// Brokers reject records more than an hour ahead of their clock; five minutes allow for clocks that
/// differ.
pub const MAX_AHEAD: Duration = Duration::from_secs(55 * 60);

const MINUTE_MS: i64 = 60_000;

/// The newest second 20 of a minute that is not after `time`.
pub fn mark_not_after(time: EventTime) -> EventTime {
    let into_minute = (time.as_millis() - MARK.as_millis() as i64).rem_euclid(MINUTE_MS);
    time.before(Duration::from_millis(into_minute.unsigned_abs()))
}

/// The first second 20 of a minute after `time`.
pub fn mark_after(time: EventTime) -> EventTime {
    mark_not_after(time).after(Duration::from_secs(60))
}

/// The start of a plan of `span` event time so that it ends at most a minute before the wall clock time
/// of its end, and never ahead of the clock.
pub fn start(now: EventTime, span: Duration, speed: f64) -> EventTime {
    let ahead_of_wall = span.saturating_sub(span.div_f64(speed));
    mark_not_after(now.before(ahead_of_wall))
}

/// When a stream continues whose next event is at `next`: at `next`, or whole minutes later, as close to
/// `now` as possible without being ahead of it. Whole minutes keep the events' positions in windows.
pub fn resumed(next: EventTime, now: EventTime) -> EventTime {
    let minutes = since(now, next).as_secs() / 60;
    next.after(Duration::from_secs(minutes * 60))
}

/// The time from `earlier` to `later`; zero if `later` is before `earlier`.
pub fn since(later: EventTime, earlier: EventTime) -> Duration {
    let millis = later.as_millis() - earlier.as_millis();
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> EventTime {
        text.parse().expect(text)
    }

    proptest! {
        #[test]
        fn a_plan_starts_at_second_20_and_ends_just_before_now(
            now in 1_000_000_000_000..3_000_000_000_000_i64,
            span_s in 0..100_000_u64,
            speed in 1.0..1000.0_f64,
        ) {
            let now = EventTime::from_millis(now).expect("in range");
            let span = Duration::from_secs(span_s);
            let start = start(now, span, speed);
            prop_assert!(start.to_string().ends_with(":20.000Z"), "{}", start);
            let ends = start.after(span);
            let done = now.after(span.div_f64(speed));
            let rounding = Duration::from_millis(2);
            prop_assert!(ends <= done.after(rounding), "{} after {}", ends, done);
            prop_assert!(since(done, ends) < Duration::from_secs(60) + rounding);
        }

        #[test]
        fn a_resumed_stream_keeps_its_second_and_is_not_ahead(
            next in 1_000_000_000_000..3_000_000_000_000_i64,
            gap in 0..10_000_000_i64,
        ) {
            let now = EventTime::from_millis(next + gap).expect("in range");
            let next = EventTime::from_millis(next).expect("in range");
            let at = resumed(next, now);
            prop_assert_eq!((at.as_millis() - next.as_millis()) % 60_000, 0);
            prop_assert!(at <= now && since(now, at) < Duration::from_secs(60));
            prop_assert_eq!(resumed(now, next), now);
        }
    }

    #[test]
    fn marks_before_and_after_a_time_are_found() {
        for (at, before, after) in [
            (
                "2021-06-09T13:39:20.000Z",
                "2021-06-09T13:39:20.000Z",
                "2021-06-09T13:40:20.000Z",
            ),
            (
                "2021-06-09T13:39:19.999Z",
                "2021-06-09T13:38:20.000Z",
                "2021-06-09T13:39:20.000Z",
            ),
            (
                "2021-06-09T00:00:00.000Z",
                "2021-06-08T23:59:20.000Z",
                "2021-06-09T00:00:20.000Z",
            ),
        ] {
            assert_eq!(mark_not_after(time(at)), time(before));
            assert_eq!(mark_after(time(at)), time(after));
        }
    }

    #[test]
    fn a_plan_slower_than_the_clock_is_not_ahead_of_it() {
        let now = time("2021-06-09T13:39:27.971Z");
        let start = start(now, Duration::from_secs(600), 0.5);
        assert_eq!(start, time("2021-06-09T13:39:20.000Z"));
    }
}
