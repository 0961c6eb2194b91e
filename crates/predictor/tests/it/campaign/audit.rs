//! Counts and order, taken from the topics themselves.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::cluster::{Cluster, PARTITIONS};
use super::load::{FIRST_MILLIS, KEYS};
use crate::support::eventually;
use crate::support::topics::end_offsets;

/// Follows the output topic, in a thread of its own, and holds each record against the rules.
pub struct Audit {
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    /// For each key the last number seen, and how many different ones.
    keys: HashMap<u64, Key>,
    results: u64,
    different: u64,
    violations: Vec<String>,
    /// For each partition the offset behind the last record seen.
    positions: HashMap<i32, i64>,
}

struct Key {
    last: u64,
    highest: u64,
}

/// What an audit found.
#[derive(Debug)]
pub struct Figures {
    pub results: u64,
    pub different: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repeated = self.results - self.different;
        write!(
            f,
            "{} results for {} records, {repeated} repeated",
            self.results, self.different
        )
    }
}

impl Audit {
    pub fn start(cluster: &Cluster) -> Self {
        let consumer: BaseConsumer =
            BaseConsumer::from_config(&cluster.kafka.assigning_consumer("audit")).unwrap();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            assignment
                .add_partition_offset(&cluster.output, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&assignment).unwrap();
        let (state, stop) = (Arc::<Mutex<State>>::default(), Arc::<AtomicBool>::default());
        let (shared, stopped) = (Arc::clone(&state), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // A broker that is away for a while is part of the campaign.
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
                    shared.lock().unwrap().see(&message);
                }
            }
        });
        Self {
            state,
            stop,
            thread: Some(thread),
        }
    }

    fn different(&self) -> u64 {
        self.state.lock().unwrap().different
    }

    /// Waits until there are results of `count` different records.
    async fn reach(&self, what: &str, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut again = tokio::time::interval(Duration::from_millis(20));
        while self.different() < count {
            let different = self.different();
            assert!(
                Instant::now() < deadline,
                "{what}: {different} of {count} after 2 minutes"
            );
            again.tick().await;
        }
    }

    /// Waits until `more` further records have results.
    pub async fn progress(&self, more: u64) {
        self.reach("progress", self.different() + more).await;
    }

    /// Waits until every one of `sent` records has a result and the topic is read to its end;
    /// fails where order was broken.
    pub async fn finish(mut self, cluster: &Cluster, sent: u64) -> Figures {
        self.reach("all results", sent).await;
        let ends = end_offsets(&cluster.kafka, &cluster.output).await;
        eventually("the topic's end", || {
            let state = self.state.lock().unwrap();
            let read = |(partition, end): (usize, &i64)| {
                state
                    .positions
                    .get(&i32::try_from(partition).unwrap())
                    .unwrap_or(&0)
                    >= end
            };
            ends.iter().enumerate().all(read).then_some(())
        })
        .await;
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        let state = self.state.lock().unwrap();
        assert!(
            state.violations.is_empty(),
            "{} violations of order, the first: {:?}",
            state.violations.len(),
            &state.violations[..state.violations.len().min(5)]
        );
        assert_eq!(state.different, sent, "results of what was never sent");
        Figures {
            results: state.results,
            different: state.different,
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl State {
    fn see(&mut self, message: &BorrowedMessage<'_>) {
        self.positions
            .insert(message.partition(), message.offset() + 1);
        let key: u64 = std::str::from_utf8(message.key().unwrap())
            .unwrap()
            .parse()
            .unwrap();
        let millis = message.timestamp().to_millis().unwrap();
        self.count(key, u64::try_from(millis - *FIRST_MILLIS).unwrap());
    }

    /// First occurrences come in order and without a gap; a repetition goes back and then on
    /// without a gap.
    fn count(&mut self, key: u64, number: u64) {
        self.results += 1;
        if number % KEYS != key {
            self.violations
                .push(format!("record {number} has the key {key}"));
        }
        let fine = match self.keys.get_mut(&key) {
            None => {
                self.different += 1;
                self.keys.insert(
                    key,
                    Key {
                        last: number,
                        highest: number,
                    },
                );
                number == key
            }
            Some(seen) => {
                let fine = number <= seen.last + KEYS;
                if number > seen.highest {
                    seen.highest = number;
                    self.different += 1;
                }
                seen.last = number;
                fine
            }
        };
        if !fine {
            self.violations
                .push(format!("key {key}: unexpected {number}"));
        }
    }
}

#[test]
fn the_audit_notices_a_gap_a_swap_and_a_broken_repetition() {
    let violations = |numbers: &[u64]| {
        let mut state = State::default();
        for number in numbers {
            state.count(0, number * KEYS);
        }
        state.violations.len()
    };
    assert_eq!(violations(&[0, 1, 2, 1, 2, 3]), 0);
    assert_eq!(violations(&[0, 2]), 1, "a gap");
    assert_eq!(violations(&[0, 2, 1, 3]), 2, "a swap");
    assert_eq!(
        violations(&[0, 1, 2, 3, 1, 3]),
        1,
        "a repetition with a gap"
    );
    assert_eq!(violations(&[1]), 1, "the first is missing");
}
