//! What goes wrong is told, and nothing stands still for ever.

use std::sync::atomic::Ordering;

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::world::{World, header, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_the_broker_refuses_for_good_ends_the_pipeline_with_the_reason() {
    let world = World::new();
    let mut running = world.start(&[]);
    running.healthy().await;
    world.step.down.store(true, Ordering::SeqCst);
    world.write(b"one");
    running.not_healthy_because("down").await;
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 20];
    world
        .cluster
        .request_errors(RDKafkaApiKey::Produce, &refused);
    world.step.down.store(false, Ordering::SeqCst);

    let ended = within("the pipeline's end", running.task).await.unwrap();
    let error = ended.expect_err("a failure").to_string();
    assert!(error.contains("could not be written to `out`"), "{error}");
    assert_eq!(*running.health.borrow(), Err(error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_waited_when_its_partition_was_lost_is_done_after_the_step_is_back() {
    let world = World::new();
    let mut running = world.start(&["session.timeout.ms=6000", "heartbeat.interval.ms=300"]);
    running.healthy().await;
    world.step.down.store(true, Ordering::SeqCst);
    world.write(b"one");
    running.not_healthy_because("down").await;

    world.cluster.broker_down(1).unwrap();
    running.metric("rebalances_total{kind=\"lost\"} 1").await;
    world.step.down.store(false, Ordering::SeqCst);
    world.cluster.broker_up(1).unwrap();

    let seen = world.read("out", 1).await;
    assert_eq!(seen[0].0.as_deref(), Some(&b"one"[..]));
    running.healthy().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_record_too_large_for_a_dead_letter_leaves_one_without_its_value() {
    let world = World::new();
    let mut running = world.start(&[]);
    let mut large = b"bad".to_vec();
    large.resize(1_048_390, b'x');
    world.write(&large);
    world.write(b"good");
    assert_eq!(
        world.read("out", 1).await[0].0.as_deref(),
        Some(&b"good"[..])
    );

    let (value, headers) = world.read("in-dlq", 1).await.remove(0);
    assert_eq!(value, None);
    let told = |name| header(headers.as_ref(), name).unwrap();
    assert_eq!(
        (told("dlq.topic"), told("dlq.offset")),
        ("in".into(), "0".into())
    );
    assert_eq!(
        (told("dlq.reason"), told("dlq.omitted")),
        ("bad".into(), "1048390".into())
    );
    running.healthy().await;
    running.stop().await;
}
