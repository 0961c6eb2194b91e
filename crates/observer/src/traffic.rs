//! The traffic of each topic: record count, rate, and age of the newest record.
//!
//! Only records that arrive while the topic is observed count: older ones would distort the rates.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Rates are averages over this many seconds.
const RATE_SECONDS: u64 = 10;

/// The traffic of all observed topics; clones share it.
#[derive(Clone, Debug)]
pub struct Traffic {
    began: Instant,
    topics: Arc<Mutex<BTreeMap<String, Seen>>>,
}

#[derive(Clone, Debug)]
struct Seen {
    /// When the topic was first read.
    since: Instant,
    records: u64,
    newest: Option<Instant>,
    /// The number of records in each of the newest seconds that have some.
    seconds: VecDeque<(u64, u64)>,
}

/// The traffic of one topic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopicTraffic {
    /// Records that arrived since the observer started to read the topic.
    pub records: u64,
    /// Records per second over the last ten seconds.
    pub per_second: f64,
    /// Time since the newest of them arrived; `None` if there are none.
    pub age: Option<Duration>,
    /// For how long nothing has arrived, at most the time since the observer started to read the topic.
    pub idle: Duration,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            topics: Arc::default(),
        }
    }
}

impl Traffic {
    /// Starts to count the records of a topic.
    pub(crate) fn observe(&self, topic: &str, since: Instant) {
        self.lock().entry(topic.to_owned()).or_insert(Seen {
            since,
            records: 0,
            newest: None,
            seconds: VecDeque::new(),
        });
    }

    /// Counts a record that arrived on an observed topic.
    pub(crate) fn note(&self, topic: &str, now: Instant) {
        let second = self.second(now);
        let mut topics = self.lock();
        let Some(seen) = topics.get_mut(topic) else {
            return;
        };
        seen.records += 1;
        seen.newest = Some(now);
        match seen.seconds.back_mut() {
            Some((last, count)) if *last == second => *count += 1,
            _ => seen.seconds.push_back((second, 1)),
        }
        while seen.seconds.len() as u64 > RATE_SECONDS {
            seen.seconds.pop_front();
        }
    }

    /// The traffic of a topic at `now`; `None` if it is not observed yet.
    pub fn of(&self, topic: &str, now: Instant) -> Option<TopicTraffic> {
        let second = self.second(now);
        let topics = self.lock();
        let seen = topics.get(topic)?;
        let since = |then| now.saturating_duration_since(then);
        let recent = seen
            .seconds
            .iter()
            .filter(|(at, _)| at + RATE_SECONDS > second);
        let recent: u64 = recent.map(|(_, count)| count).sum();
        Some(TopicTraffic {
            records: seen.records,
            per_second: recent as f64 / RATE_SECONDS as f64,
            age: seen.newest.map(since),
            idle: since(seen.newest.unwrap_or(seen.since)),
        })
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        // A panic cannot leave the map half changed.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_covers_the_last_ten_seconds() {
        let traffic = Traffic::default();
        let at = |second: u64| traffic.began + Duration::from_secs(second);
        assert_eq!(traffic.of("a", at(0)), None, "not observed yet");
        traffic.observe("a", at(0));
        let nothing = TopicTraffic {
            records: 0,
            per_second: 0.0,
            age: None,
            idle: Duration::from_secs(3),
        };
        assert_eq!(traffic.of("a", at(3)), Some(nothing));
        for second in 0..100 {
            traffic.note("a", at(second));
            traffic.note("a", at(second));
        }
        let seen = traffic.of("a", at(99)).expect("observed");
        assert_eq!((seen.records, seen.per_second), (200, 2.0));
        let later = traffic.of("a", at(104)).expect("observed");
        assert_eq!(later.per_second, 1.0);
        assert_eq!(later.age, Some(Duration::from_secs(5)));
        assert_eq!(later.idle, Duration::from_secs(5));
        assert_eq!(traffic.of("a", at(200)).expect("observed").per_second, 0.0);
    }
}
