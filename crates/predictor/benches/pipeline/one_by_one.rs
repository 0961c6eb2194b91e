//! Works like the original: creates an HTTP client for each record, sends one request at a time, and waits
//! for each acknowledgement.

use std::time::Duration;

use rdkafka::Message;
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::Value;

use crate::kafka;

pub fn run(input: &str, output: &str, url: &str, records: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut config = kafka().group_consumer("one-by-one", output);
        config.set("enable.auto.offset.store", "true");
        let consumer: StreamConsumer = StreamConsumer::from_config(&config).unwrap();
        let producer: FutureProducer =
            FutureProducer::from_config(&kafka().producer("one-by-one")).unwrap();
        consumer.subscribe(&[input]).unwrap();
        for _ in 0..records {
            let message = consumer.recv().await.unwrap();
            let mut value: Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
            let client = reqwest::Client::new();
            let query = [
                ("length", value["Length"].to_string()),
                ("height", value["Height"].to_string()),
                ("species", value["Species"].as_str().unwrap().to_owned()),
            ];
            let request = client.get(format!("{url}/prediction")).query(&query);
            let answer = request.send().await.unwrap().bytes().await.unwrap();
            value["Prediction"] = serde_json::from_slice(&answer).unwrap();
            let text = value.to_string();
            let record = FutureRecord::to(output)
                .key(message.key().unwrap())
                .payload(&text);
            producer
                .send(record, Duration::from_secs(10))
                .await
                .unwrap();
        }
    });
}
