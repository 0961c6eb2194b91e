//! The event time that each topic had reached some time ago.
//!
//! If events pass faster than the wall clock, a minute of event time does not say for how long a
//! record has been there. This clock translates between the two.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pipeline::EventTime;

/// How far back the clock can answer.
const SPAN: Duration = Duration::from_secs(60);
/// The resolution of the answers.
const STEP: Duration = Duration::from_millis(500);

/// The newest event time of each topic over the last minute; clones share it.
#[derive(Clone, Debug, Default)]
pub struct EventClock(Arc<Mutex<HashMap<String, VecDeque<Reached>>>>);

/// The newest event time of the records that arrived within [`STEP`].
#[derive(Clone, Copy, Debug)]
struct Reached {
    since: Instant,
    time: EventTime,
}

impl EventClock {
    /// Adds the event time of a record that arrived at `now`.
    pub(crate) fn note(&self, topic: &str, time: EventTime, now: Instant) {
        let mut topics = self.lock();
        let reached = match topics.get_mut(topic) {
            Some(reached) => reached,
            None => topics.entry(topic.to_owned()).or_default(),
        };
        match reached.back_mut() {
            Some(last) if time <= last.time => return,
            Some(last) if now.saturating_duration_since(last.since) < STEP => last.time = time,
            _ => reached.push_back(Reached { since: now, time }),
        }
        // Keep one entry older than the span: it was still valid when the span began.
        let is_old = |one: &Reached| now.saturating_duration_since(one.since) > SPAN;
        while reached.get(1).is_some_and(is_old) {
            reached.pop_front();
        }
    }

    /// The newest event time of the records of a topic that had arrived `ago` (at most a minute),
    /// or up to half a second earlier; `None` if there were none.
    pub fn reached(&self, topic: &str, ago: Duration) -> Option<EventTime> {
        self.reached_at(topic, Instant::now().checked_sub(ago)?)
    }

    fn reached_at(&self, topic: &str, then: Instant) -> Option<EventTime> {
        let topics = self.lock();
        let mut newest_first = topics.get(topic)?.iter().rev();
        let arrived = newest_first.find(|one| one.since + STEP <= then);
        arrived.map(|one| one.time)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Reached>>> {
        // A panic cannot leave the map half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(second: i64) -> EventTime {
        EventTime::from_millis(second * 1_000).expect("a time")
    }

    #[test]
    fn a_topic_had_reached_the_newest_time_that_had_arrived() {
        let clock = EventClock::default();
        let began = Instant::now();
        let at = |second: u64| began + Duration::from_secs(second);
        // A thousand seconds of event time per second, out of order.
        for second in 0..100 {
            clock.note("a", time(1_000 * second), at(second as u64));
            clock.note("a", time(1_000 * second - 700), at(second as u64));
        }
        assert_eq!(clock.reached_at("a", at(0)), None, "within half a second");
        assert_eq!(clock.reached_at("a", at(95)), Some(time(94_000)));
        assert_eq!(clock.reached_at("a", at(200)), Some(time(99_000)));
        assert_eq!(clock.reached_at("b", at(95)), None);
        let kept = clock.lock().get("a").map(VecDeque::len);
        assert_eq!(kept, Some(62), "a minute and the entry before it");
    }
}
