//! Topics of a measurement: making them, filling them, watching them fill.

use std::time::{Duration, Instant};

use rand::RngExt;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::kafka;

pub const PARTITIONS: i32 = 6;

/// Makes `name`-in, `name`-in-dlq and `name`-out, and returns the first and the last.
pub fn make(name: &str) -> (String, String) {
    let name = format!("{name}-{:08x}", rand::rng().random::<u32>());
    let (input, output) = (format!("{name}-in"), format!("{name}-out"));
    let dead_letters = format!("{input}-dlq");
    make_topics(&[&input, &output, &dead_letters]);
    (input, output)
}

/// Another output topic for the same input.
pub fn make_output(name: &str) -> String {
    let name = format!("{name}-{:08x}-out", rand::rng().random::<u32>());
    make_topics(&[&name]);
    name
}

fn make_topics(names: &[&str]) {
    let admin: AdminClient<DefaultClientContext> =
        AdminClient::from_config(&kafka().assigning_consumer("bench")).unwrap();
    let topics: Vec<NewTopic<'_>> = names
        .iter()
        .map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1)))
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let created = runtime.block_on(admin.create_topics(&topics, &options));
    for topic in created.unwrap() {
        topic.unwrap();
    }
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

/// Watches how many records a topic has.
pub struct Watch {
    consumer: BaseConsumer,
    topic: String,
}

impl Watch {
    pub fn new(topic: &str) -> Self {
        Self {
            consumer: BaseConsumer::from_config(&kafka().assigning_consumer("bench-watch"))
                .unwrap(),
            topic: topic.to_owned(),
        }
    }

    pub fn records(&self) -> u64 {
        (0..PARTITIONS)
            .map(|partition| {
                let timeout = Duration::from_secs(10);
                let ends = self
                    .consumer
                    .fetch_watermarks(&self.topic, partition, timeout);
                u64::try_from(ends.unwrap().1).unwrap()
            })
            .sum()
    }

    /// Records a second, from when the first tenth is there until all are.
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
