//! Checks counts and order on the output topic.

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
use test_support::eventually;

use super::cluster::{Cluster, PARTITIONS};
use super::load::{FIRST_MILLIS, KEYS};

/// Reads the output topic on its own thread and checks each record.
pub struct Audit {
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    /// The progress of each key.
    keys: HashMap<u64, Key>,
    distinct: u64,
    repeated: Vec<(u64, i32, i64)>,
    violations: Vec<String>,
    /// For each partition the offset after the last record read.
    positions: HashMap<i32, i64>,
}

struct Key {
    /// The number of the last record read.
    last: u64,
    highest: u64,
}

/// The result of an audit.
#[derive(Debug)]
pub struct Figures {
    pub distinct: u64,
    /// The record's number, the result's partition and offset of each result after a record's first one.
    pub repeated: Vec<(u64, i32, i64)>,
}

impl Figures {
    /// Panics with the first repeated results.
    pub fn assert_nothing_repeated(&self) {
        let first: Vec<_> = self.repeated.iter().take(3).collect();
        assert!(
            first.is_empty(),
            "{self}, the first ones (record, partition, offset): {first:?}"
        );
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (records, repeated) = (self.distinct, self.repeated.len());
        write!(f, "results for {records} records, {repeated} repeated")
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
                // Errors are broker outages, which are part of the campaign.
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
                    shared.lock().unwrap().check(&message);
                }
            }
        });
        Self {
            state,
            stop,
            thread: Some(thread),
        }
    }

    fn distinct(&self) -> u64 {
        self.state.lock().unwrap().distinct
    }

    /// Waits until `count` records have results.
    async fn wait_for(&self, what: &str, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut again = tokio::time::interval(Duration::from_millis(20));
        while self.distinct() < count {
            let distinct = self.distinct();
            assert!(
                Instant::now() < deadline,
                "{what}: {distinct} of {count} after 2 minutes"
            );
            again.tick().await;
        }
    }

    /// Waits until `more` additional records have results.
    pub async fn progress(&self, more: u64) {
        self.wait_for("progress", self.distinct() + more).await;
    }

    /// Waits until each of `sent` records has a result and the topic is read to its end; panics if
    /// results are out of order.
    pub async fn finish(mut self, cluster: &Cluster, sent: u64) -> Figures {
        self.wait_for("all results", sent).await;
        let ends = cluster.broker.end_offsets(&cluster.output);
        eventually("the audit reads to the end of the topic", async || {
            let state = self.state.lock().unwrap();
            let read = |(partition, end): (usize, &i64)| {
                state
                    .positions
                    .get(&i32::try_from(partition).unwrap())
                    .unwrap_or(&0)
                    >= end
            };
            ends.iter().enumerate().all(read)
        })
        .await;
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        let mut state = self.state.lock().unwrap();
        assert!(
            state.violations.is_empty(),
            "{} results out of order, the first ones: {:?}",
            state.violations.len(),
            &state.violations[..state.violations.len().min(5)]
        );
        assert_eq!(
            state.distinct, sent,
            "results of records that were not sent"
        );
        Figures {
            distinct: state.distinct,
            repeated: std::mem::take(&mut state.repeated),
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl State {
    fn check(&mut self, message: &BorrowedMessage<'_>) {
        let distinct = self.distinct;
        self.positions
            .insert(message.partition(), message.offset() + 1);
        let key: u64 = std::str::from_utf8(message.key().unwrap())
            .unwrap()
            .parse()
            .unwrap();
        let millis = message.timestamp().to_millis().unwrap();
        let number = u64::try_from(millis - *FIRST_MILLIS).unwrap();
        self.count(key, number);
        if self.distinct == distinct {
            self.repeated
                .push((number, message.partition(), message.offset()));
        }
    }

    /// The first results of a key's records are in order without a gap. A repetition may go back,
    /// and continues from there without a gap.
    fn count(&mut self, key: u64, number: u64) {
        if number % KEYS != key {
            self.violations
                .push(format!("record {number} has the key {key}"));
        }
        let valid = match self.keys.get_mut(&key) {
            None => {
                self.distinct += 1;
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
                let valid = number <= seen.last + KEYS;
                if number > seen.highest {
                    seen.highest = number;
                    self.distinct += 1;
                }
                seen.last = number;
                valid
            }
        };
        if !valid {
            self.violations
                .push(format!("key {key}: unexpected {number}"));
        }
    }
}

#[test]
fn the_audit_detects_gaps_and_swaps() {
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
