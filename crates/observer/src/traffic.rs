//! How records come while a pipeline is watched: of each topic how many, how fast, and when the newest
//! one came. What was on a topic before that says nothing of how fast it came.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Over how many seconds a rate is taken.
const RATE_SECONDS: u64 = 10;

/// The traffic of a pipeline's topics, by the time at which new records were seen; clones share it.
#[derive(Clone, Debug)]
pub struct Traffic {
    began: Instant,
    topics: Arc<Mutex<BTreeMap<String, Seen>>>,
}

/// What was seen of one topic.
#[derive(Clone, Debug)]
struct Seen {
    /// Since when the topic is read.
    since: Instant,
    records: u64,
    newest: Option<Instant>,
    /// Records by the second in which they came, of the newest seconds only.
    seconds: VecDeque<(u64, u64)>,
}

/// The traffic of one topic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopicTraffic {
    /// Records that came since the topic is read.
    pub records: u64,
    /// Records a second, over the last ten seconds.
    pub per_second: f64,
    /// How long ago the newest of them came.
    pub age: Option<Duration>,
    /// For how long nothing has come, as far as that was watched.
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
    /// The topic exists and is read.
    pub(crate) fn reads(&self, topic: &str) {
        self.reads_since(topic, Instant::now());
    }

    fn reads_since(&self, topic: &str, since: Instant) {
        self.lock().entry(topic.to_owned()).or_insert(Seen {
            since,
            records: 0,
            newest: None,
            seconds: VecDeque::new(),
        });
    }

    /// A new record came on a topic that is read.
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

    /// A topic's traffic as it is at `now`; none where the topic is not read yet.
    pub fn of(&self, topic: &str, now: Instant) -> Option<TopicTraffic> {
        let second = self.second(now);
        let topics = self.lock();
        let seen = topics.get(topic)?;
        let since = |then| now.saturating_duration_since(then);
        let recent = seen
            .seconds
            .iter()
            .filter(|(at, _)| at + RATE_SECONDS > second)
            .map(|(_, count)| count)
            .sum::<u64>();
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
        // A map of plain values that each note leaves whole.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_ten_seconds_and_a_topic_that_is_not_read_has_none() {
        let traffic = Traffic::default();
        let at = |second: u64| traffic.began + Duration::from_secs(second);
        assert_eq!(traffic.of("a", at(0)), None);
        traffic.reads_since("a", at(0));
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
        let seen = traffic.of("a", at(99)).expect("read");
        assert_eq!((seen.records, seen.per_second), (200, 2.0));
        let later = traffic.of("a", at(104)).expect("read");
        assert_eq!(later.per_second, 1.0);
        assert_eq!(later.age, Some(Duration::from_secs(5)));
        assert_eq!(later.idle, Duration::from_secs(5));
        assert_eq!(traffic.of("a", at(200)).expect("read").per_second, 0.0);
    }
}
