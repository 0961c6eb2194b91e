//! Which event time a topic had reached some time ago by the wall clock. In a run faster than the clock
//! a minute of event time says nothing of how long something has been there.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pipeline::EventTime;

/// For how long it is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How exactly.
const STEP: Duration = Duration::from_millis(500);

/// The event time of each topic as it went by; clones share it.
#[derive(Clone, Debug, Default)]
pub struct EventClock(Arc<Mutex<HashMap<String, VecDeque<Reached>>>>);

/// The newest event time of the records that came within [`STEP`].
#[derive(Clone, Copy, Debug)]
struct Reached {
    since: Instant,
    time: EventTime,
}

impl EventClock {
    /// A record with an event time came on a topic.
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
        // The last one that is older tells what had been reached before.
        let is_old = |one: &Reached| now.saturating_duration_since(one.since) > REMEMBERED;
        while reached.get(1).is_some_and(is_old) {
            reached.pop_front();
        }
    }

    /// The newest event time among the records of a topic that had come `ago`, at most a minute, or
    /// half a second more; none where none had.
    pub fn reached(&self, topic: &str, ago: Duration) -> Option<EventTime> {
        self.reached_at(topic, Instant::now().checked_sub(ago)?)
    }

    fn reached_at(&self, topic: &str, then: Instant) -> Option<EventTime> {
        let topics = self.lock();
        let mut known = topics.get(topic)?.iter().rev();
        let had_come = known.find(|one| one.since + STEP <= then);
        had_come.map(|one| one.time)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Reached>>> {
        // A map of plain values that each note leaves whole.
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
    fn a_topic_had_reached_what_had_come_by_then_and_not_what_came_later() {
        let clock = EventClock::default();
        let began = Instant::now();
        let at = |second: u64| began + Duration::from_secs(second);
        // A thousand seconds of event time a second, out of order.
        for second in 0..100 {
            clock.note("a", time(1_000 * second), at(second as u64));
            clock.note("a", time(1_000 * second - 700), at(second as u64));
        }
        assert_eq!(clock.reached_at("a", at(0)), None, "within half a second");
        assert_eq!(clock.reached_at("a", at(95)), Some(time(94_000)));
        assert_eq!(clock.reached_at("a", at(200)), Some(time(99_000)));
        assert_eq!(clock.reached_at("b", at(95)), None);
        let kept = clock.lock().get("a").map(VecDeque::len);
        assert_eq!(kept, Some(62), "a minute, and what was reached before");
    }
}
