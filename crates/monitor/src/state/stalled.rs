//! Which step has made no progress for too long, by event time and by the wall clock. Event time alone
//! is not enough: it runs fast in an accelerated run, and stops when no more records arrive.

use std::time::{Duration, Instant};

use observer::Observer;
use report::{Ledger, Standstill, Step, standstills};

use crate::collect::StoreSnapshot;

/// Event time from the measurement within which a record is stored.
pub(super) const STORE_TIME: Duration = Duration::from_secs(60);
/// Event time, and time by the wall clock, within which a record passes a step that has nothing to wait for.
pub(super) const STEP_TIME: Duration = Duration::from_secs(20);
/// A step is stalled if no record passed it for this long by the wall clock, while the first waiting record
/// has been there for as long.
const QUIET: Duration = Duration::from_secs(5);

/// The first stalled step. `None` until all topics have been read to their ends, because some may be read
/// ahead of the others.
pub(super) fn stalled(
    ledger: &Ledger,
    snapshot: Option<&StoreSnapshot>,
    observer: &Observer,
) -> Option<Standstill> {
    if !observer.has_caught_up() {
        return None;
    }
    let topics = &observer.definition().topics;
    let now = Instant::now();
    let idle = |topic: &str| {
        let traffic = observer.traffic().of(topic, now);
        traffic.map(|traffic| traffic.idle)
    };
    standstills(ledger, snapshot.is_some())
        .into_iter()
        .find(|one| {
            let (input, output) = match one.step {
                Step::Predicted => (&topics.measured, Some(&topics.predicted)),
                Step::Weighed => (&topics.measured, Some(&topics.actual)),
                Step::Joined => (&topics.actual, Some(&topics.rows)),
                Step::Stored => (&topics.rows, None),
            };
            let reached = observer.event_clock().reached(input, QUIET);
            let activity = Activity {
                first_is_old: reached.is_some_and(|reached| one.since <= reached),
                input_idle: idle(input).unwrap_or_default(),
                output_idle: match output {
                    // A topic that does not exist counts as idle.
                    Some(topic) => idle(topic).unwrap_or(Duration::MAX),
                    None => snapshot.map_or(Duration::ZERO, |snapshot| {
                        now.saturating_duration_since(snapshot.grew)
                    }),
                },
            };
            is_stalled(one, activity)
        })
}

/// A step's activity by the wall clock.
#[derive(Clone, Copy, Debug)]
struct Activity {
    /// Whether the first waiting record arrived more than [`QUIET`] ago.
    first_is_old: bool,
    /// Time since the last record arrived.
    input_idle: Duration,
    /// Time since the last record passed.
    output_idle: Duration,
}

fn is_stalled(one: &Standstill, activity: Activity) -> bool {
    let allowed = match one.step {
        Step::Predicted | Step::Joined => STEP_TIME,
        // The SQL waits this long for an actual value. The store is polled slightly later.
        Step::Weighed | Step::Stored => STORE_TIME,
    };
    // Not for actual values: a missing one may still arrive.
    if one.step != Step::Weighed && activity.input_idle >= allowed {
        // No more records arrive. Dead letters do not count as waiting.
        return one.records > one.dead_letters;
    }
    one.waited > allowed && activity.first_is_old && activity.output_idle >= QUIET
}

#[cfg(test)]
mod tests {
    use pipeline::EventTime;

    use super::*;

    fn standstill(step: Step, waited: u64) -> Standstill {
        Standstill {
            step,
            records: 3,
            dead_letters: 0,
            first_record: "7".to_owned(),
            since: EventTime::from_millis(0).expect("a time"),
            waited: Duration::from_secs(waited),
        }
    }

    const BUSY: Activity = Activity {
        first_is_old: true,
        input_idle: Duration::ZERO,
        output_idle: QUIET,
    };

    #[test]
    fn an_accelerated_run_is_not_stalled_before_time_has_passed() {
        for step in Step::ALL {
            let one = standstill(step, 5_000);
            assert!(is_stalled(&one, BUSY), "{step:?}");
            let just_arrived = Activity {
                first_is_old: false,
                ..BUSY
            };
            assert!(!is_stalled(&one, just_arrived), "{step:?}: after a pause");
            let passing = Activity {
                output_idle: Duration::from_millis(900),
                ..BUSY
            };
            assert!(
                !is_stalled(&one, passing),
                "{step:?}: slow, but not stalled"
            );
            assert!(!is_stalled(&standstill(step, 20), BUSY), "{step:?}");
        }
    }

    #[test]
    fn after_the_last_record_only_the_wall_clock_counts() {
        let ended = Activity {
            input_idle: STORE_TIME,
            ..BUSY
        };
        let mut one = standstill(Step::Predicted, 0);
        assert!(is_stalled(&one, ended));
        assert!(!is_stalled(&standstill(Step::Weighed, 0), ended));
        one.dead_letters = 2;
        assert!(is_stalled(&one, ended));
        one.dead_letters = 3;
        assert!(!is_stalled(&one, ended));
        // While records arrive, dead letters count too.
        one.waited = 2 * STEP_TIME;
        assert!(is_stalled(&one, BUSY));
        assert!(!is_stalled(&one, ended));
    }
}
