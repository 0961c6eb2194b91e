//! Which step stands still for too long, by event time and by the clock: in a run faster than the clock
//! event time alone is soon gone, and where no more fish come it stands still.

use std::time::{Duration, Instant};

use observer::Observer;
use pipeline::topics;
use report::{Ledger, Standstill, Step, standstills};

use crate::look::Look;
use crate::state::ON_THE_WAY;

/// Event time that a step may take which waits for nothing, and the same by the wall clock.
pub(crate) const TAKES: Duration = Duration::from_secs(20);
/// For how long nothing must pass a step, by the wall clock, while fish come to it; the first of them
/// must have been there for as long.
const QUIET: Duration = Duration::from_secs(5);

/// The first step at which fish wait for longer than it takes. Before the topics were read to their
/// ends nothing can be said: one is read ahead of the others.
pub(crate) fn stalled(
    ledger: &Ledger,
    look: Option<&Look>,
    observer: &Observer,
) -> Option<Standstill> {
    if !observer.has_caught_up() {
        return None;
    }
    let now = Instant::now();
    let idle = |topic: &str| {
        let traffic = observer.traffic().of(topic, now);
        traffic.map(|traffic| traffic.idle)
    };
    let is_stored = |id: &str| look.and_then(|look| look.has(id));
    standstills(ledger, &is_stored).into_iter().find(|one| {
        let (comes_on, passes_on) = match one.step {
            Step::Predicted => (topics::MACHINE_MEASUREMENT, Some(topics::WEIGHT_PREDICTION)),
            Step::Weighed => (topics::MACHINE_MEASUREMENT, Some(topics::MACHINE_WEIGHT)),
            Step::Joined => (topics::MACHINE_WEIGHT, Some(topics::WEIGHT_DIFF)),
            Step::Stored => (topics::WEIGHT_DIFF, None),
        };
        let there = observer.event_clock().reached(comes_on, QUIET);
        let seen = Seen {
            first_is_old: there.is_some_and(|there| one.since <= there),
            none_came: idle(comes_on).unwrap_or_default(),
            none_passed: match passes_on {
                // A topic that is not there brings nothing.
                Some(topic) => idle(topic).unwrap_or(Duration::MAX),
                None => look.map_or(Duration::ZERO, |look| {
                    now.saturating_duration_since(look.grew)
                }),
            },
        };
        is_too_long(one, seen)
    })
}

/// What the wall clock says of a step.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Whether the first fish that waits came more than [`QUIET`] ago.
    first_is_old: bool,
    /// For how long no fish has come to it.
    none_came: Duration,
    /// For how long none has passed it.
    none_passed: Duration,
}

fn is_too_long(one: &Standstill, seen: Seen) -> bool {
    let takes = match one.step {
        Step::Predicted | Step::Joined => TAKES,
        // As long as the SQL waits for a weighing; what the store holds is known a little later.
        Step::Weighed | Step::Stored => ON_THE_WAY,
    };
    let in_vain = one.waited > takes && seen.first_is_old && seen.none_passed >= QUIET;
    // Of the weighing nothing says whether it is still to come.
    let no_more_come = one.step != Step::Weighed && seen.none_came >= takes;
    if no_more_come {
        // What went to the dead letters is done with.
        one.fish > one.dead_letters
    } else {
        in_vain
    }
}

#[cfg(test)]
mod tests {
    use pipeline::EventTime;

    use super::*;

    fn standstill(step: Step, waited: u64) -> Standstill {
        Standstill {
            step,
            fish: 3,
            dead_letters: 0,
            first_fish: "7".to_owned(),
            since: EventTime::from_millis(0).expect("a time"),
            waited: Duration::from_secs(waited),
        }
    }

    const COMING: Seen = Seen {
        first_is_old: true,
        none_came: Duration::ZERO,
        none_passed: QUIET,
    };

    #[test]
    fn in_a_run_faster_than_the_clock_no_step_stands_still_that_has_had_no_time() {
        for step in Step::ALL {
            let one = standstill(step, 5_000);
            assert!(is_too_long(&one, COMING), "{step:?}");
            let just_come = Seen {
                first_is_old: false,
                ..COMING
            };
            assert!(!is_too_long(&one, just_come), "{step:?}: after a pause");
            let passing = Seen {
                none_passed: Duration::from_millis(900),
                ..COMING
            };
            assert!(!is_too_long(&one, passing), "{step:?}: it is behind");
            assert!(!is_too_long(&standstill(step, 20), COMING), "{step:?}");
        }
    }

    #[test]
    fn where_no_more_fish_come_the_clock_tells_and_dead_letters_wait_for_nothing() {
        let ended = Seen {
            none_came: ON_THE_WAY,
            ..COMING
        };
        let mut one = standstill(Step::Predicted, 0);
        assert!(is_too_long(&one, ended));
        assert!(!is_too_long(&standstill(Step::Weighed, 0), ended));
        one.dead_letters = 2;
        assert!(is_too_long(&one, ended));
        one.dead_letters = 3;
        assert!(!is_too_long(&one, ended));
        // While they come, those of which none passes are a standstill, whatever becomes of them.
        one.waited = 2 * TAKES;
        assert!(is_too_long(&one, COMING));
        assert!(!is_too_long(&one, ended));
    }
}
