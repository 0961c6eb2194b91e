//! A Kafka broker for tests: librdkafka's mock cluster, which speaks the real protocol on loopback.

use std::collections::HashSet;
use std::fmt;
use std::sync::mpsc;
use std::time::Duration;

use kafka_io::KafkaSettings;
use rand::RngExt;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::bindings::{
    rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, ToBytes};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{
    BaseProducer, DefaultProducerContext, FutureProducer, FutureRecord, Producer,
};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::wait::{PATIENCE, within};

/// librdkafka's mock cluster.
pub type Cluster<'a> = MockCluster<'a, DefaultProducerContext>;

type Job = Box<dyn FnOnce(&Cluster<'_>) + Send>;

/// How long a new consumer group waits for further members. The mock cluster's default is 3 s.
const GROUP_DELAY_MS: i32 = 20;
/// The mock cluster waits this long on each empty fetch, even if a record arrives meanwhile.
const SHORT_FETCH: (&str, &str) = ("fetch.wait.max.ms", "10");

/// A broker and a producer for it. Clones share the broker, which stops when the last of them is dropped.
#[derive(Clone)]
pub struct Broker {
    servers: String,
    /// `None` for an external broker.
    jobs: Option<mpsc::Sender<Job>>,
    producer: FutureProducer,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broker({})", self.servers)
    }
}

impl Broker {
    /// One broker in this process, without topics.
    pub fn start() -> Self {
        Self::with_brokers(1)
    }

    /// One broker in this process with these topics, `partitions` partitions each.
    pub fn with_topics<T: AsRef<str>>(
        partitions: i32,
        topics: impl IntoIterator<Item = T>,
    ) -> Self {
        let broker = Self::start();
        for topic in topics {
            broker.create_topic(topic.as_ref(), partitions);
        }
        broker
    }

    /// A cluster of `brokers` brokers in this process.
    pub fn with_brokers(brokers: i32) -> Self {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (send, servers) = mpsc::channel();
        // The cluster's handle must stay on the thread that created it.
        std::thread::spawn(move || {
            let owner: BaseProducer = ClientConfig::new()
                .set("test.mock.num.brokers", brokers.to_string())
                .create()
                .unwrap();
            let cluster = owner.client().mock_cluster().unwrap();
            shorten_group_delay(&owner);
            send.send(cluster.bootstrap_servers()).unwrap();
            inbox.into_iter().for_each(|job| job(&cluster));
        });
        Self {
            jobs: Some(jobs),
            ..Self::external(servers.recv().unwrap())
        }
    }

    /// A broker that runs outside this process.
    pub fn external(servers: impl Into<String>) -> Self {
        let servers = servers.into();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &servers)
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "1")
            .set("message.max.bytes", "2000000")
            .create();
        Self {
            servers,
            jobs: None,
            producer: producer.unwrap(),
        }
    }

    /// The addresses for `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> &str {
        &self.servers
    }

    /// How clients reach it.
    pub fn settings(&self) -> KafkaSettings {
        let mut settings = KafkaSettings::plain(&self.servers);
        if self.jobs.is_some() {
            settings.consumer_properties = vec![SHORT_FETCH];
        }
        settings
    }

    /// Runs `job` with the mock cluster, for example to inject a fault; panics for an external broker.
    pub fn cluster<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Cluster<'_>) -> T + Send + 'static,
    ) -> T {
        let (send, outcome) = mpsc::channel();
        let job: Job = Box::new(move |cluster| drop(send.send(job(cluster))));
        self.jobs.as_ref().unwrap().send(job).unwrap();
        outcome.recv().unwrap()
    }

    /// From now on, delays each response of broker 1.
    pub fn slow_down(&self, delay: Duration) {
        self.cluster(move |cluster| cluster.broker_round_trip_time(1, delay).unwrap());
    }

    /// Creates a topic.
    pub fn create_topic(&self, name: &str, partitions: i32) {
        if self.jobs.is_some() {
            let name = name.to_owned();
            return self
                .cluster(move |cluster| cluster.create_topic(&name, partitions, 1).unwrap());
        }
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let created = futures_executor::block_on(admin.create_topics([&topic], &options));
        created.unwrap().remove(0).unwrap();
    }

    /// Writes one record; returns its partition and offset.
    pub async fn send<K, V>(&self, record: FutureRecord<'_, K, V>) -> (i32, i64)
    where
        K: ToBytes + ?Sized,
        V: ToBytes + ?Sized,
    {
        let delivery = within("a delivery", self.producer.send(record, PATIENCE)).await;
        let delivery = delivery.map_err(|(error, _)| error).unwrap();
        (delivery.partition, delivery.offset)
    }

    /// Writes records (key, value, timestamp) without waiting in between, then waits for all
    /// acknowledgements.
    pub async fn send_all<K: ToBytes, V: ToBytes>(
        &self,
        topic: &str,
        records: impl IntoIterator<Item = (K, V, i64)>,
    ) {
        let mut deliveries = Vec::new();
        for (key, value, timestamp) in records {
            let record = FutureRecord::to(topic).key(&key).payload(&value);
            let sent = self.producer.send_result(record.timestamp(timestamp));
            deliveries.push(sent.map_err(|(error, _)| error).unwrap());
        }
        let all = within("the deliveries", futures::future::join_all(deliveries)).await;
        for delivery in all {
            delivery.unwrap().map_err(|(error, _)| error).unwrap();
        }
    }

    /// Reads `topic` from its beginning to its end, and at least `count` records. A test that expects
    /// `count` records thus sees unexpected additional ones.
    pub async fn read(&self, topic: &str, count: usize) -> Vec<Record> {
        let consumer: StreamConsumer = self
            .client()
            .set("group.id", "test-support")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set(SHORT_FETCH.0, SHORT_FETCH.1)
            .create()
            .unwrap();
        let mut from = TopicPartitionList::new();
        for partition in 0..self.partitions(topic) {
            from.add_partition_offset(topic, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&from).unwrap();
        let (mut records, mut at_end) = (Vec::new(), HashSet::new());
        let reading = async {
            while records.len() < count || at_end.len() < from.count() {
                match consumer.recv().await {
                    Ok(message) => {
                        at_end.remove(&message.partition());
                        records.push(Record::of(&message));
                    }
                    Err(KafkaError::PartitionEOF(partition)) => drop(at_end.insert(partition)),
                    // A connection broke. The client reconnects.
                    Err(_) => {}
                }
            }
        };
        let done = tokio::time::timeout(PATIENCE, reading).await.is_ok();
        assert!(done, "`{topic}` has {} of {count} records", records.len());
        records
    }

    /// The end offset of each partition of `topic`.
    pub fn end_offsets(&self, topic: &str) -> Vec<i64> {
        let client = self.producer.client();
        let ends = (0..self.partitions(topic)).map(|partition| {
            let watermarks = client.fetch_watermarks(topic, partition, PATIENCE);
            watermarks.unwrap().1
        });
        ends.collect()
    }

    /// The number of records written to `topic`.
    pub fn count(&self, topic: &str) -> i64 {
        self.end_offsets(topic).iter().sum()
    }

    fn partitions(&self, topic: &str) -> i32 {
        let client = self.producer.client();
        let metadata = client.fetch_metadata(Some(topic), PATIENCE).unwrap();
        i32::try_from(metadata.topics()[0].partitions().len()).unwrap()
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        config
    }
}

#[allow(
    unsafe_code,
    reason = "rdkafka does not wrap this setting of the mock cluster"
)]
fn shorten_group_delay(owner: &BaseProducer) {
    let client = owner.client().native_ptr();
    // SAFETY: `owner` is alive during both calls, and its mock cluster lives as long as it does.
    unsafe {
        let cluster = rd_kafka_handle_mock_cluster(client);
        rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, GROUP_DELAY_MS);
    }
}

/// `name` with a random suffix, for topics on a broker that still has the topics of earlier runs.
pub fn scratch_name(name: &str) -> String {
    format!("{name}-{:08x}", rand::rng().random::<u32>())
}

/// A record as a consumer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its Kafka timestamp in milliseconds.
    pub timestamp: Option<i64>,
    /// Its headers in order, values as text.
    pub headers: Vec<(String, String)>,
}

impl Record {
    /// Copies a message.
    pub fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            timestamp: message.timestamp().to_millis(),
            headers: headers
                .map(|header| {
                    let value = String::from_utf8_lossy(header.value.unwrap_or_default());
                    (header.key.to_owned(), value.into_owned())
                })
                .collect(),
        }
    }

    /// The value as text; empty for a tombstone.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.value.as_deref().unwrap_or_default()).unwrap()
    }

    /// The value as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.value.as_deref().unwrap()).unwrap()
    }

    /// The key as text; empty if there is no key.
    pub fn key_text(&self) -> &str {
        std::str::from_utf8(self.key.as_deref().unwrap_or_default()).unwrap()
    }

    /// The last header with this name.
    pub fn find_header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The last header with this name; panics if there is none.
    pub fn header(&self, name: &str) -> &str {
        let found = self.find_header(name);
        found.unwrap_or_else(|| panic!("no header `{name}`: {self:?}"))
    }
}
