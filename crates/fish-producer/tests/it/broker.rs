//! A broker with the topics of the two machines, and a producer on it.

use fish_producer::{Config, FishProducer};
use kafka_io::KafkaSettings;
use pipeline::topics::{MACHINE_MEASUREMENT, MACHINE_WEIGHT};
use service_runtime::CancellationToken;
use test_support::{Broker, within};

pub(crate) const PARTITIONS: i32 = 3;

pub(crate) fn broker() -> Broker {
    Broker::with_topics(PARTITIONS, [MACHINE_MEASUREMENT, MACHINE_WEIGHT])
}

pub(crate) fn kafka(broker: &Broker) -> KafkaSettings {
    broker.settings()
}

pub(crate) fn producer(config: &Config, broker: &Broker) -> FishProducer {
    FishProducer::bind(config, &kafka(broker)).unwrap()
}

/// Runs until the plan ends.
pub(crate) async fn run(producer: FishProducer) -> anyhow::Result<()> {
    within("the plan ends", producer.run(CancellationToken::new())).await
}
