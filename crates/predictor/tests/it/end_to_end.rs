//! From topic to topic, on the broker of the embedded mode.

use std::collections::{HashMap, HashSet};

use crate::support::broker::{Broker, Running};
use crate::support::model::{Model, Mood};
use crate::support::topics::{Seen, Sender, measurement, read};
use crate::support::{eventually, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_the_record_byte_for_byte_with_the_prediction_at_its_end() {
    let (broker, model) = (Broker::start(), Model::start().await);
    let predictor = Running::start(broker.config(&model.url)).await;
    let value = "{ \"Fish_Id\":\"1\", \"Length\":8.6370e+1,\"Height\":18.7400 ,\"New\":{\"a\":[1e5]},\"Species\":\"s\\u0061lmon\"}\n";
    let sender = Sender::new(&broker.kafka);
    let (partition, offset) = sender
        .send(Some(b"1"), Some(value.as_bytes()), 1_623_245_967_971)
        .await;

    let seen = read(&broker.kafka, "out", 1).await;
    let prediction = "\"Prediction\":{\"Weight\":8.637,\"ModelTime\":\"2021-06-02 07:48:52\",\"ModelVersion\":\"v1\"}";
    assert_eq!(seen.len(), 1);
    assert_eq!(
        seen[0].text(),
        format!(
            "{},{prediction}}}\n",
            value.trim_end().strip_suffix('}').unwrap()
        )
    );
    assert_eq!(seen[0].key_text(), "1");
    assert_eq!(seen[0].timestamp, Some(1_623_245_967_971));
    let header = |name: &str| seen[0].headers.get(name).cloned();
    assert_eq!(header("trace").as_deref(), Some("t1"));
    assert_eq!(header("source.topic").as_deref(), Some("in"));
    assert_eq!(header("source.partition"), Some(partition.to_string()));
    assert_eq!(header("source.offset"), Some(offset.to_string()));
    assert_eq!(header("model.version").as_deref(), Some("v1"));
    predictor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_figures_can_be_seen_from_outside() {
    let (broker, model) = (Broker::start(), Model::start().await);
    model.set(Mood::Status(503)).await;
    let predictor = Running::start(broker.config(&model.url)).await;
    let address = format!("http://127.0.0.1:{}", predictor.port);
    let get = |path: &str| {
        let request = reqwest::get(format!("{address}/{path}"));
        async {
            let answer = request.await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        }
    };
    Sender::new(&broker.kafka).send_measurements(0..1).await;
    predictor.not_ready_because("503").await;
    let (status, reason) = within("an answer", get("readyz")).await;
    assert_eq!(status, 503);
    assert!(reason.contains("503 Service Unavailable"), "{reason}");
    assert_eq!(within("an answer", get("healthz")).await.0, 200);

    model.set(Mood::Well).await;
    predictor.ready().await;
    read(&broker.kafka, "out", 1).await;
    eventually("the count", || {
        (predictor.metrics.counts().0 == 1).then_some(())
    })
    .await;
    assert_eq!(within("an answer", get("readyz")).await.0, 200);
    let (_, metrics) = within("an answer", get("metrics")).await;
    for line in [
        "catchweight_pipeline_records_total{outcome=\"emitted\"} 1",
        "catchweight_pipeline_batch_records_count 1",
        "catchweight_pipeline_batches_in_flight 0",
        "catchweight_pipeline_latency_seconds_count 1",
        "catchweight_predictor_model_requests_total{result=\"200\"} 1",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}\n{metrics}"
        );
    }
    predictor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_are_kept_as_dead_letters_and_the_good_ones_among_them_pass() {
    let (broker, model) = (Broker::start(), Model::start().await);
    let sender = Sender::new(&broker.kafka);
    let good = measurement("7", 50.0);
    type Bad<'a> = (&'a [u8], Option<&'a [u8]>, &'a str);
    let records: [Bad<'_>; 7] = [
        (b"1", Some(b"\xff\xfe not text"), "not UTF-8"),
        (
            b"2",
            Some(b"{\"Fish_Id\":\"2\""),
            "not a usable JSON object",
        ),
        (
            b"3",
            Some(br#"{"Fish_Id":"3","Species":"s","Height":1}"#),
            "field `Length` is missing",
        ),
        (
            b"4",
            Some(br#"{"Fish_Id":"5","Species":"s","Height":1,"Length":1}"#),
            "is not field `Fish_Id`",
        ),
        (
            b"5",
            Some(br#"{"Fish_Id":"5","Species":"s","Height":1,"Length":-1}"#),
            "length: must be a positive number",
        ),
        (b"6", None, ""),
        (b"7", Some(good.as_bytes()), ""),
    ];
    let mut sent = HashMap::new();
    for (at, (key, value, reason)) in records.iter().enumerate() {
        let place = sender.send(Some(key), *value, 1_000 + at as i64).await;
        if !reason.is_empty() {
            sent.insert(key.to_vec(), (*value, *reason, place, 1_000 + at as i64));
        }
    }
    let predictor = Running::start(broker.config(&model.url)).await;

    let letters = read(&broker.kafka, "in-dlq", sent.len()).await;
    assert_eq!(letters.len(), sent.len());
    for letter in letters {
        let (value, reason, place, millis) = sent.remove(letter.key.as_ref().unwrap()).unwrap();
        assert_eq!(letter.value.as_deref(), value);
        assert_eq!(letter.timestamp, Some(millis));
        let header = |name: &str| letter.headers.get(name).cloned().unwrap_or_default();
        assert_eq!(header("dlq.topic"), "in");
        assert_eq!(header("dlq.partition"), place.0.to_string());
        assert_eq!(header("dlq.offset"), place.1.to_string());
        assert_eq!(header("dlq.timestamp"), millis.to_string());
        assert!(header("dlq.reason").contains(reason), "{letter:?}");
        let refused = reason.starts_with("length");
        assert_eq!(header("dlq.status"), if refused { "400" } else { "" });
        assert_eq!(header("trace"), "t1");
    }
    let results = read(&broker.kafka, "out", 1).await;
    assert_eq!(
        results.iter().map(Seen::key_text).collect::<Vec<_>>(),
        ["7"]
    );
    eventually("the counts", || {
        (predictor.metrics.counts() == (1, 5, 1)).then_some(())
    })
    .await;
    predictor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_model_is_down_nothing_is_lost_and_it_goes_on_by_itself() {
    let (broker, model) = (Broker::start(), Model::start().await);
    let mut config = broker.config(&model.url);
    config.model.request_timeout = std::time::Duration::from_millis(200);
    let predictor = Running::start(config).await;
    let sender = Sender::new(&broker.kafka);
    let moods = [
        Mood::Gone,
        Mood::Status(500),
        Mood::Status(404),
        Mood::Status(408),
        Mood::Busy,
        Mood::Hangs,
        Mood::BreaksOff,
    ];
    for (round, mood) in (0..).zip(moods) {
        predictor.ready().await;
        model.set(mood).await;
        let first = round * 100;
        sender.send_measurements(first..first + 50).await;
        let reason = predictor.not_ready_because("model").await;
        assert!(reason.contains(&model.url), "{mood:?}: {reason}");
        sender.send_measurements(first + 50..first + 100).await;
        model.set(Mood::Well).await;
        let results = read(&broker.kafka, "out", first as usize + 100).await;
        assert_complete_and_in_order(&results, first as usize + 100);
    }
    assert_eq!(predictor.metrics.counts().1, 0, "none is dead-lettered");
    predictor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_is_halved_until_it_fits() {
    let (broker, model) = (Broker::start(), Model::start().await);
    Sender::new(&broker.kafka).send_measurements(0..300).await;
    model.set(Mood::AtMost(7)).await;
    let predictor = Running::start(broker.config(&model.url)).await;
    let results = read(&broker.kafka, "out", 300).await;
    assert_complete_and_in_order(&results, 300);
    assert!((4..=7).contains(&model.largest()), "{}", model.largest());
    predictor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_wait_go_out_together_and_a_restart_repeats_none() {
    let (broker, model) = (Broker::start(), Model::start().await);
    let sender = Sender::new(&broker.kafka);
    sender.send_measurements(0..900).await;
    let mut config = broker.config(&model.url);
    // This broker does not take a member's leave: it waits until the session is over.
    let session = "session.timeout.ms=6000".parse().unwrap();
    config.kafka.kafka_properties.push(session);
    let predictor = Running::start(config.clone()).await;
    assert_complete_and_in_order(&read(&broker.kafka, "out", 900).await, 900);
    assert!(
        model.requests() <= 90,
        "{} requests for 900 records",
        model.requests()
    );
    predictor.stop().await;

    let again = Running::start(config).await;
    sender.send_measurements(900..1_000).await;
    let results = read(&broker.kafka, "out", 1_000).await;
    assert_eq!(results.len(), 1_000, "a clean restart repeats nothing");
    assert_complete_and_in_order(&results, 1_000);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_batches_is_asked_for_each_record() {
    let (broker, model) = (Broker::start(), Model::start().await);
    let sender = Sender::new(&broker.kafka);
    sender.send_measurements(0..200).await;
    for (id, body) in [
        (
            "na",
            r#"{"Fish_Id":"na","Species":"unknown","Length":1,"Height":1}"#,
        ),
        (
            "refused",
            r#"{"Fish_Id":"refused","Species":"s","Length":-1,"Height":1}"#,
        ),
        (
            "object",
            r#"{"Fish_Id":"object","Species":{},"Length":1,"Height":1}"#,
        ),
    ] {
        sender
            .send(Some(id.as_bytes()), Some(body.as_bytes()), 5_000)
            .await;
    }
    let mut config = broker.config(&format!("{}/prediction", model.url));
    config.model.per_record = true;
    let predictor = Running::start(config).await;
    assert_complete_and_in_order(&read(&broker.kafka, "out", 200).await, 200);

    let letters = read(&broker.kafka, "in-dlq", 3).await;
    let reasons: HashMap<String, String> = letters
        .iter()
        .map(|letter| (letter.key_text(), letter.headers["dlq.reason"].clone()))
        .collect();
    assert!(reasons["na"].contains("no prediction"), "{reasons:?}");
    assert!(
        reasons["refused"].contains("must be a positive"),
        "{reasons:?}"
    );
    assert!(reasons["object"].contains("field `Species`"), "{reasons:?}");
    predictor.stop().await;
}

/// Each of `count` measurements has exactly one result, and those of a partition are in order.
fn assert_complete_and_in_order(results: &[Seen], count: usize) {
    let mut ids = HashSet::new();
    let mut last: HashMap<i32, i64> = HashMap::new();
    for result in results {
        assert!(ids.insert(result.key_text()), "{} twice", result.key_text());
        let source: i64 = result.headers["source.offset"].parse().unwrap();
        let before = last.insert(result.partition, source);
        assert!(before.is_none_or(|before| before < source), "{result:?}");
    }
    assert_eq!(ids.len(), count);
}
