//! The upper bound of client and broker: a loop that copies records unread and waits for the
//! acknowledgements, with commits in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::config::{FromClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedHeaders, DeliveryResult};
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Message};

use crate::kafka;

struct Acknowledged(Arc<AtomicU64>);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        assert!(result.is_ok());
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub fn run(input: &str, output: &str, records: u64) {
    let mut config = kafka().group_consumer("copy", output);
    config.set("enable.auto.offset.store", "true");
    let consumer: BaseConsumer = BaseConsumer::from_config(&config).unwrap();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let context = Acknowledged(Arc::clone(&acknowledged));
    let producer: ThreadedProducer<Acknowledged> =
        ThreadedProducer::from_config_and_context(&kafka().producer("copy"), context).unwrap();
    consumer.subscribe(&[input]).unwrap();
    let mut sent = 0;
    while sent < records {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message.unwrap();
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord {
            topic: output,
            partition: None,
            payload: message.payload(),
            key: message.key(),
            timestamp: message.timestamp().to_millis(),
            headers: message.headers().map(BorrowedHeaders::detach),
            delivery_opaque: (),
        };
        while let Err((_, back)) = producer.send(record) {
            record = back;
            std::thread::sleep(Duration::from_millis(1));
        }
        sent += 1;
    }
    while acknowledged.load(Ordering::Relaxed) < records {
        std::thread::sleep(Duration::from_millis(1));
    }
}
