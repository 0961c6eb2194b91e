//! Topics of a benchmark: creating, filling and watching them.

use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use test_support::{Broker, scratch_name};

use crate::kafka;

pub const PARTITIONS: i32 = 6;

/// Creates `name`-in, `name`-in-dlq and `name`-out; returns the first and the last.
pub fn create(name: &str) -> (String, String) {
    let name = scratch_name(name);
    let (input, output) = (format!("{name}-in"), format!("{name}-out"));
    for topic in [&input, &output, &format!("{input}-dlq")] {
        broker().create_topic(topic, PARTITIONS);
    }
    (input, output)
}

/// Another output topic for the same input.
pub fn create_output(name: &str) -> String {
    let name = format!("{}-out", scratch_name(name));
    broker().create_topic(&name, PARTITIONS);
    name
}

fn broker() -> Broker {
    Broker::external(kafka().bootstrap_servers)
}

/// Writes measurements of about 150 bytes.
pub struct Filler(ThreadedProducer<DefaultProducerContext>);

impl Filler {
    pub fn new() -> Self {
        let mut config = kafka().producer("bench-filler");
        config.set("queue.buffering.max.messages", "1000000");
        Self(ThreadedProducer::from_config(&config).unwrap())
    }

    pub fn send(&self, topic: &str, number: u64, sent: Option<u128>) {
        let key = number.to_string();
        let value = format!(
            r#"{{"Fish_Id":"{number}","Species":"salmon","Length":{:.3},"Height":{:.3},"Timestamp":"2026-06-09T13:39:27.971Z","Machine":"line 1"}}"#,
            80.0 + (number % 17) as f64 * 0.731,
            17.0 + (number % 5) as f64 * 0.417,
        );
        let mut record = BaseRecord::<str, str>::to(topic).key(&key).payload(&value);
        if let Some(sent) = sent {
            record = record.headers(OwnedHeaders::new().insert(Header {
                key: "sent",
                value: Some(&sent.to_string()),
            }));
        }
        loop {
            match self.0.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => panic!("{error}"),
            }
        }
    }

    pub fn flush(&self) {
        self.0.flush(Duration::from_secs(120)).unwrap();
    }
}

/// Writes `records` measurements at full speed.
pub fn fill(topic: &str, records: u64) {
    let filler = Filler::new();
    (0..records).for_each(|number| filler.send(topic, number, None));
    filler.flush();
}

/// Watches the number of records of a topic.
pub struct Watch {
    broker: Broker,
    topic: String,
}

impl Watch {
    pub fn new(topic: &str) -> Self {
        Self {
            broker: broker(),
            topic: topic.to_owned(),
        }
    }

    pub fn records(&self) -> u64 {
        u64::try_from(self.broker.count(&self.topic)).unwrap()
    }

    /// Records per second, from the first tenth to the last record.
    pub fn rate(&self, records: u64) -> f64 {
        let deadline = Instant::now() + Duration::from_secs(300);
        let mut start = None;
        loop {
            let seen = self.records();
            let now = Instant::now();
            assert!(now < deadline, "{seen} of {records} after five minutes");
            match start {
                None if seen >= records / 10 => start = Some((seen, now)),
                Some((first, since)) if seen >= records => {
                    return (records - first) as f64 / (now - since).as_secs_f64();
                }
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}
