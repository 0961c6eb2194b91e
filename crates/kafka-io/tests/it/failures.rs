//! Failures are reported, and the pipeline continues after them or ends.

use std::time::{Duration, Instant};

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use test_support::within;

use crate::pipeline::{DRAIN_TIMEOUT, Running};

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_the_broker_rejects_ends_the_pipeline() {
    let mut running = Running::start(&[]).await;
    running.set_down(true);
    running.write(b"one").await;
    running.unhealthy_because("down").await;
    let rejections = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 20];
    running
        .broker
        .cluster(move |cluster| cluster.request_errors(RDKafkaApiKey::Produce, &rejections));
    running.set_down(false);

    let ended = within("the pipeline ends", running.task).await.unwrap();
    let error = ended.expect_err("a failure").to_string();
    assert!(
        error.contains("the operation Write on topic `out`"),
        "{error}"
    );
    assert_eq!(*running.health.borrow(), Err(error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_record_survives_the_loss_of_its_partition() {
    let short_session = ["session.timeout.ms=1000", "heartbeat.interval.ms=200"];
    let mut running = Running::start(&short_session).await;
    running.set_down(true);
    running.write(b"one").await;
    running.unhealthy_because("down").await;

    running
        .broker
        .cluster(|cluster| cluster.broker_down(1).unwrap());
    running.metric("rebalances_total{kind=\"lost\"} 1").await;
    running.set_down(false);
    running
        .broker
        .cluster(|cluster| cluster.broker_up(1).unwrap());

    assert_eq!(running.broker.read("out", 1).await[0].text(), "one");
    running.healthy().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_too_large_for_a_dead_letter_loses_its_value() {
    let mut running = Running::start(&[]).await;
    let mut large = b"bad".to_vec();
    large.resize(1_048_390, b'x');
    running.write(&large).await;
    running.write(b"good").await;
    assert_eq!(running.broker.read("out", 1).await[0].text(), "good");

    let dead_letter = running.broker.read("in-dlq", 1).await.remove(0);
    assert_eq!(dead_letter.value, None);
    for (name, text) in [
        ("dlq.topic", "in"),
        ("dlq.offset", "0"),
        ("dlq.reason", "bad"),
        ("dlq.omitted", "1048390"),
    ] {
        assert_eq!(dead_letter.header(name), text);
    }
    running.healthy().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_in_time_while_the_broker_hangs() {
    for batch_in_progress in [false, true] {
        let mut running = Running::start(&[]).await;
        running.write(b"one").await;
        running.broker.read("out", 1).await;
        if batch_in_progress {
            running.set_down(true);
            running.write(b"two").await;
            running.unhealthy_because("down").await;
        }
        running.broker.slow_down(Duration::from_secs(3_600));
        if batch_in_progress {
            running.set_down(false);
            running.healthy().await;
        }
        let started = Instant::now();
        running.stop().await;
        let took = started.elapsed();
        assert!(took < DRAIN_TIMEOUT + Duration::from_secs(10), "{took:?}");
    }
}
