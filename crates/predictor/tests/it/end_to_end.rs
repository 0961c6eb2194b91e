//! From topic to topic on an embedded broker.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::process::Command;
use std::time::{Duration, Instant};

use pipeline::Definition;
use predictor::Config;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::FutureRecord;
use serde_json::json;
use test_support::model::measurement;
use test_support::{Behavior, Broker, FakeModel, Process, Record, eventually, http};

use crate::running::{Running, broker, config, kafka};

/// A record for `in` with an additional header.
fn record<'a>(key: &'a str, value: Option<&'a [u8]>, millis: i64) -> FutureRecord<'a, str, [u8]> {
    let headers = OwnedHeaders::new().insert(Header {
        key: "trace",
        value: Some("t1"),
    });
    FutureRecord {
        payload: value,
        ..FutureRecord::to("in")
            .key(key)
            .timestamp(millis)
            .headers(headers)
    }
}

async fn send_measurements(broker: &Broker, ids: Range<u32>) {
    let records = ids.map(|id| {
        let value = measurement(&id.to_string(), 50.0 + f64::from(id % 50));
        (id.to_string(), value, 1_000_000 + i64::from(id))
    });
    broker.send_all("in", records).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_the_record_plus_the_prediction() {
    let (broker, model) = (broker(), FakeModel::start().await);
    let predictor = Running::start(config(&broker, &model.url)).await;
    let value = "{ \"Fish_Id\":\"1\", \"Length\":8.6370e+1,\"Height\":18.7400 ,\"New\":{\"a\":[1e5]},\"Species\":\"s\\u0061lmon\"}\n";
    let sent = record("1", Some(value.as_bytes()), 1_623_245_967_971);
    let (partition, offset) = broker.send(sent).await;

    let results = broker.read("out", 1).await;
    let prediction = "\"Prediction\":{\"Weight\":8.637,\"ModelTime\":\"2021-06-02 07:48:52\",\"ModelVersion\":\"v1\"}";
    assert_eq!(results.len(), 1);
    let fields = value.trim_end().strip_suffix('}').unwrap();
    assert_eq!(results[0].text(), format!("{fields},{prediction}}}\n"));
    assert_eq!(results[0].key_text(), "1");
    assert_eq!(results[0].timestamp, Some(1_623_245_967_971));
    for (name, text) in [
        ("trace", "t1"),
        ("source.topic", "in"),
        ("source.partition", &partition.to_string()),
        ("source.offset", &offset.to_string()),
        ("model.version", "v1"),
    ] {
        assert_eq!(results[0].header(name), text);
    }
    predictor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_served() {
    let (broker, model) = (broker(), FakeModel::start().await);
    model.set(Behavior::Status(503)).await;
    let predictor = Running::start(config(&broker, &model.url)).await;
    let address = ([127, 0, 0, 1], predictor.port).into();
    send_measurements(&broker, 0..1).await;
    predictor.not_ready_because("503").await;
    let (status, reason) = http::get(address, "/readyz").await;
    assert_eq!(status, 503);
    assert!(reason.contains("503 Service Unavailable"), "{reason}");
    assert_eq!(http::get(address, "/healthz").await.0, 200);

    model.set(Behavior::Normal).await;
    predictor.ready().await;
    broker.read("out", 1).await;
    eventually("the record is counted", async || {
        predictor.metrics.counts().0 == 1
    })
    .await;
    assert_eq!(http::get(address, "/readyz").await.0, 200);
    let (_, metrics) = http::get(address, "/metrics").await;
    for line in [
        "catchweight_pipeline_records_total{outcome=\"emitted\"} 1",
        "catchweight_pipeline_batch_records_count 1",
        "catchweight_pipeline_batches_in_flight 0",
        "catchweight_pipeline_latency_seconds_count 1",
        "catchweight_predictor_model_requests_total{result=\"200\"} 1",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line}\n{metrics}");
    }
    predictor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_records_become_dead_letters() {
    let (broker, model) = (broker(), FakeModel::start().await);
    let good = measurement("7", 50.0);
    type Case<'a> = (&'a str, Option<&'a [u8]>, &'a str);
    let cases: [Case<'_>; 7] = [
        ("1", Some(b"\xff\xfe not text"), "not UTF-8"),
        ("2", Some(b"{\"Fish_Id\":\"2\""), "not a usable JSON object"),
        (
            "3",
            Some(br#"{"Fish_Id":"3","Species":"s","Height":1}"#),
            "field `Length` is missing",
        ),
        (
            "4",
            Some(br#"{"Fish_Id":"5","Species":"s","Height":1,"Length":1}"#),
            "is not field `Fish_Id`",
        ),
        (
            "5",
            Some(br#"{"Fish_Id":"5","Species":"s","Height":1,"Length":-1}"#),
            "length: must be a positive number",
        ),
        ("6", None, ""),
        ("7", Some(good.as_bytes()), ""),
    ];
    let mut sent = HashMap::new();
    for (millis, (key, value, reason)) in (1_000..).zip(cases) {
        let place = broker.send(record(key, value, millis)).await;
        if !reason.is_empty() {
            sent.insert(key, (value, reason, place, millis));
        }
    }
    let predictor = Running::start(config(&broker, &model.url)).await;

    let dead_letters = broker.read("in-dlq", sent.len()).await;
    assert_eq!(dead_letters.len(), sent.len());
    for dead_letter in dead_letters {
        let (value, reason, place, millis) = sent.remove(dead_letter.key_text()).unwrap();
        assert_eq!(dead_letter.value.as_deref(), value);
        assert_eq!(dead_letter.timestamp, Some(millis));
        let header = |name: &str| dead_letter.find_header(name).unwrap_or_default();
        assert_eq!(header("dlq.topic"), "in");
        assert_eq!(header("dlq.partition"), place.0.to_string());
        assert_eq!(header("dlq.offset"), place.1.to_string());
        assert_eq!(header("dlq.timestamp"), millis.to_string());
        assert!(header("dlq.reason").contains(reason), "{dead_letter:?}");
        let rejected = reason.starts_with("length");
        assert_eq!(header("dlq.status"), if rejected { "400" } else { "" });
        assert_eq!(header("trace"), "t1");
    }
    let results = broker.read("out", 1).await;
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].key_text(), "7");
    eventually("all records are counted", async || {
        predictor.metrics.counts() == (1, 5, 1)
    })
    .await;
    predictor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_outage_loses_nothing_and_ends_by_itself() {
    let outages = [
        Behavior::Unreachable,
        Behavior::Status(500),
        Behavior::Status(404),
        Behavior::Status(408),
        Behavior::Busy,
        Behavior::Hangs,
        Behavior::Truncates,
        Behavior::Endless,
    ];
    futures::future::join_all(outages.map(survives)).await;
}

async fn survives(outage: Behavior) {
    let (broker, model) = (broker(), FakeModel::start().await);
    let mut config = config(&broker, &model.url);
    config.model.request_timeout = Duration::from_millis(200);
    let predictor = Running::start(config).await;
    for first in [0, 100] {
        predictor.ready().await;
        model.set(outage).await;
        send_measurements(&broker, first..first + 50).await;
        let reason = predictor.not_ready_because("model").await;
        assert!(reason.contains(&model.url), "{outage:?}: {reason}");
        send_measurements(&broker, first + 50..first + 100).await;
        model.set(Behavior::Normal).await;
        let results = broker.read("out", first as usize + 100).await;
        assert_complete_and_in_order(&results, first as usize + 100);
    }
    assert_eq!(predictor.metrics.counts().1, 0, "no dead letters");
    predictor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_is_halved() {
    let (broker, model) = (broker(), FakeModel::start().await);
    send_measurements(&broker, 0..300).await;
    model.set(Behavior::MaxRows(7)).await;
    let predictor = Running::start(config(&broker, &model.url)).await;
    assert_complete_and_in_order(&broker.read("out", 300).await, 300);
    let largest = model.largest_request();
    assert!((4..=7).contains(&largest), "{largest}");
    predictor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_batched_and_a_restart_repeats_nothing() {
    let (broker, model) = (broker(), FakeModel::start().await);
    send_measurements(&broker, 0..900).await;
    let predictor = Running::start(config(&broker, &model.url)).await;
    assert_complete_and_in_order(&broker.read("out", 900).await, 900);
    let requests = model.requests();
    assert!(requests <= 90, "{requests} requests for 900 records");
    predictor.stop().await;

    let again = Running::start(config(&broker, &model.url)).await;
    send_measurements(&broker, 900..1_000).await;
    let results = broker.read("out", 1_000).await;
    assert_eq!(results.len(), 1_000, "a clean restart repeats nothing");
    assert_complete_and_in_order(&results, 1_000);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn per_record_mode_sends_a_request_for_each_record() {
    let (broker, model) = (broker(), FakeModel::start().await);
    send_measurements(&broker, 0..200).await;
    let cases = [
        ("na", r#""unknown""#, 1, "no prediction"),
        ("rejected", r#""s""#, -1, "must be a positive"),
        ("object", "{}", 1, "field `Species`"),
    ];
    for (id, species, length, _) in cases {
        let value =
            format!(r#"{{"Fish_Id":"{id}","Species":{species},"Length":{length},"Height":1}}"#);
        broker.send(record(id, Some(value.as_bytes()), 5_000)).await;
    }
    let mut config = config(&broker, &format!("{}/prediction", model.url));
    config.model.per_record = true;
    let predictor = Running::start(config).await;
    assert_complete_and_in_order(&broker.read("out", 200).await, 200);

    let dead_letters = broker.read("in-dlq", cases.len()).await;
    for (id, _, _, reason) in cases {
        let of_id = |dead_letter: &&Record| dead_letter.key_text() == id;
        let dead_letter = dead_letters.iter().find(of_id).unwrap();
        let text = dead_letter.header("dlq.reason");
        assert!(text.contains(reason), "{id}: {text}");
    }
    predictor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_model_refuses_stops_no_other() {
    for per_record in [true, false] {
        let (broker, model) = (broker(), FakeModel::start().await);
        // Every partition gets records before and after the refused ones.
        send_measurements(&broker, 0..100).await;
        model.set(Behavior::RefusesLengthFrom(99.0)).await;
        let mut config = config(&broker, &model.url);
        config.model.per_record = per_record;
        let predictor = Running::start(config).await;
        let refused = 2;
        let results = broker.read("out", 100 - refused).await;
        assert_complete_and_in_order(&results, 100 - refused);
        let dead_letters = broker.read("in-dlq", refused).await;
        assert_eq!(dead_letters.len(), refused);
        for dead_letter in dead_letters {
            assert_eq!(dead_letter.header("dlq.status"), "422");
            let reason = dead_letter.header("dlq.reason");
            assert!(reason.contains("too long"), "{reason}");
        }
        predictor.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_number_is_a_dead_letter() {
    for per_record in [true, false] {
        let (broker, model) = (broker(), FakeModel::start().await);
        model.set(Behavior::Answers(r#"{"prediction":4.9}"#)).await;
        let mut config = config(&broker, &model.url);
        config.model.per_record = per_record;
        let predictor = Running::start(config).await;
        send_measurements(&broker, 0..1).await;
        let dead_letters = broker.read("in-dlq", 1).await;
        assert_eq!(
            dead_letters[0].header("dlq.reason"),
            r#"the model has no prediction: `Weight` is missing, expected a number: {"prediction":4.9}"#
        );
        model.set(Behavior::Answers(r#"{"Weight":[4.9]}"#)).await;
        send_measurements(&broker, 1..2).await;
        let results = broker.read("out", 1).await;
        let end = r#","Prediction":{"Weight":4.9}}"#;
        assert!(results[0].text().ends_with(end), "{}", results[0].text());
        predictor.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_pipeline_has_its_own_columns_and_topics() {
    let numbers: Vec<String> = (1..=40).map(|at| format!("x{at} \"of\" größe")).collect();
    let terms: Vec<String> = numbers.iter().map(|name| format!("`{name}`")).collect();
    let columns: String = (1..)
        .zip(&numbers)
        .map(|(at, name)| format!("'{name}' = {{ field = \"X {at}\" }}\n"))
        .collect();
    let definition = Definition::parse(&format!(
        r#"
        record = {{ name = "delivery", key = "Id" }}
        measured.topic = "orders"
        actual.topic = "arrivals"
        predicted.topic = "estimates"
        rows = {{ topic = "errors", trigger = "retrain", database = "D", collection = "Rows" }}
        model = {{ formula = 'minutes ~ {}', error = "absolute", first-rows = "rows.csv" }}
        [columns]
        {columns}
        minutes = {{ field = "Dauer (min)" }}
        "#,
        terms.join(" + ")
    ));
    let definition = definition.unwrap().leak();
    let broker = Broker::with_topics(1, ["orders", "estimates", "orders-dlq"]);
    let model = FakeModel::start().await;
    model.set(Behavior::Answers(r#"{"Dauer (min)":-7}"#)).await;
    let fields: String = (1..=40).map(|at| format!(",\"X {at}\":{at}")).collect();
    for per_record in [false, true] {
        let mut config = Config::new(definition, kafka(&broker), &model.url);
        config.model.per_record = per_record;
        let predictor = Running::start(config).await;
        let key = u32::from(per_record);
        let value = format!("{{\"Id\":{key}{fields}}}");
        broker
            .send_all("orders", [(key.to_string(), value, 1_000)])
            .await;
        let results = broker.read("estimates", 1 + key as usize).await;
        let text = results[key as usize].text();
        assert!(
            text.ends_with(r#","Prediction":{"Dauer (min)":-7}}"#),
            "{text}"
        );
        let row = model.last_rows().remove(0);
        assert_eq!(row.as_object().unwrap().len(), 40);
        for (at, name) in (1..).zip(&numbers) {
            let expected = if per_record {
                json!(at.to_string())
            } else {
                json!(at)
            };
            assert_eq!(row[name], expected, "{name}");
        }
        predictor.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_the_process_while_the_broker_hangs() {
    let (broker, model) = (broker(), FakeModel::start().await);
    let mut command = Command::new(env!("CARGO_BIN_EXE_predictor"));
    command
        .args(["--bootstrap-servers", broker.bootstrap_servers()])
        .args(["--input-topic", "in", "--output-topic", "out"])
        .args(["--model-url", &model.url, "--listen", "127.0.0.1:0"])
        .args(["--drain-timeout", "500"]);
    let process = Process::start(&mut command);
    send_measurements(&broker, 0..1).await;
    broker.read("out", 1).await;
    broker.slow_down(Duration::from_secs(3_600));
    let started = Instant::now();
    assert!(process.stop().await.success());
    let took = started.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// Each of `count` measurements has exactly one result, and each partition is in order.
fn assert_complete_and_in_order(results: &[Record], count: usize) {
    let mut ids = HashSet::new();
    let mut last: HashMap<i32, i64> = HashMap::new();
    for result in results {
        assert!(ids.insert(result.key_text()), "repeated: {result:?}");
        let source: i64 = result.header("source.offset").parse().unwrap();
        let before = last.insert(result.partition, source);
        assert!(before.is_none_or(|before| before < source), "{result:?}");
    }
    assert_eq!(ids.len(), count);
}
