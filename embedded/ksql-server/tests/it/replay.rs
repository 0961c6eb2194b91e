//! Sends every recorded request again, in the order and on the data of the recording, and compares the
//! response with ksqlDB's. Exceptions are listed with their reasons.

use serde::Deserialize;

use crate::cli;
use crate::compare::{Answer, Exactness, differences};
use crate::recording::{self, Recording};
use crate::world::World;
use test_support::PATIENCE as LIMIT;

/// Errors with a different message: ksqlDB's message comes from its parser or analyser.
const OWN_MESSAGES: [&str; 16] = [
    "016-POST-ksql-badjson",
    "018-POST-ksql-syntaxerr",
    "019-POST-ksql-nosemicolon",
    "210-query-unquoted-column",
    "212-query-syntax-error",
    "213-query-not-a-query",
    "227-query-stream-nosemicolon",
    "307-PRINT-unquoted",
    "322-multi-one-bad",
    "328-CREATE-table-no-key",
    "411-variant-no-key-column",
    "413-variant-only-AS_VALUE",
    "414-variant-key-twice",
    "417-variant-both-sides-same-name",
    "418-variant-emit-final-no-window",
    "424-join-partition-mismatch",
];

/// Responses that differ from ksqlDB, with the status and the reason. A refusal says what is supported.
const UNSUPPORTED: [(&str, u16, &str); 9] = [
    ("031-DEFINE-alone", 400, "the client substitutes variables"),
    ("319-DESCRIBE-FUNCTION", 400, "SHOW FUNCTIONS lists them"),
    (
        "324-INSERT-VALUES",
        400,
        "records are written with Kafka's own tools",
    ),
    (
        "330-CREATE-avro-no-sr",
        400,
        "the error names the supported formats",
    ),
    ("331-PAUSE", 400, "queries cannot be paused"),
    ("333-RESUME", 400, "queries cannot be paused"),
    ("337-LIST-CONNECTORS", 400, "there is no Connect cluster"),
    ("338-LIST-TYPES", 400, "custom types are not supported"),
    (
        "508-POST-heartbeat",
        404,
        "a single server has no heartbeats",
    ),
];

/// Recordings of states that this server does not have.
const NEVER: [(&str, &str); 9] = [
    ("332-SHOW-QUERIES-paused", "queries cannot be paused"),
    (
        "500-startup-info-not-ready",
        "the server listens only once it is ready",
    ),
    (
        "501-startup-healthcheck-not-ready",
        "the server listens only once it is ready",
    ),
    (
        "502-startup-ksql-not-ready",
        "the server listens only once it is ready",
    ),
    (
        "504-GET-clusterStatus-heartbeat-on",
        "heartbeats cannot be turned on; 003 is the status without them",
    ),
    (
        "505-SHOW-QUERIES-after-restart",
        "declarations are in memory: the client sends them again",
    ),
    (
        "506-SHOW-STREAMS-after-restart",
        "declarations are in memory: the client sends them again",
    ),
    (
        "507-GET-clusterStatus-heartbeat-on-3s-later",
        "heartbeats cannot be turned on",
    ),
    ("503-GET-healthcheck-after-restart", "the same as 002"),
];

fn exactness(name: &str) -> Exactness {
    match name {
        // ksqlDB's record cache merges changes of a window; here every change is a row.
        "214-query-group-windowed-changes" => Exactness::Frame,
        _ if OWN_MESSAGES.contains(&name) => Exactness::OwnMessage,
        _ => Exactness::Same,
    }
}

/// A record that was produced in the recorded run.
#[derive(Debug, Deserialize)]
struct Produced {
    wall: f64,
    topic: Option<String>,
    key: Option<String>,
    value: Option<String>,
    ts: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Written {
    wall: f64,
    topic: String,
}

/// The recorded run: its input, and when each row of the join appeared.
struct Run {
    produced: Vec<Produced>,
    joined: Vec<f64>,
}

impl Run {
    fn read() -> Self {
        let lines = |file: &str| -> Vec<String> {
            recording::text(file).lines().map(str::to_owned).collect()
        };
        let produced = lines("run1-produced.jsonl");
        let produced = produced
            .iter()
            .map(|line| serde_json::from_str(line).unwrap());
        let written = lines("run1-out.jsonl");
        let written = written
            .iter()
            .map(|line| serde_json::from_str::<Written>(line).unwrap());
        Self {
            produced: produced.collect(),
            joined: written
                .filter(|written| written.topic == "weight-diff")
                .map(|written| written.wall)
                .collect(),
        }
    }

    fn is_joined(record: &Produced) -> bool {
        matches!(
            record.topic.as_deref(),
            Some("weight-prediction" | "machine-weight")
        )
    }

    /// Produces the records between two points in time. Waits until each record was read before it
    /// sends the next one, because records of two topics are not ordered. Also waits for joined rows,
    /// which the next query reads.
    async fn produce(&self, world: &World, from: f64, until: f64) {
        let records = self.produced.iter().filter(|line| line.topic.is_some());
        let records: Vec<&Produced> = records.collect();
        for (index, record) in records.iter().enumerate() {
            if record.wall < from || record.wall >= until {
                continue;
            }
            let topic = record.topic.as_deref().unwrap();
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            world.send(topic, key, value, record.ts.unwrap()).await;
            let next = records
                .get(index + 1)
                .map_or(f64::MAX, |next| next.wall.min(until));
            if Self::is_joined(record) {
                let before = records.iter().take(index + 1);
                let read = before.filter(|record| Self::is_joined(record)).count();
                world.wait_until_read("DIFF_WEIGHT", read as u64).await;
            }
            let joined = self.joined.iter().filter(|wall| **wall < next).count();
            world.wait_for_records("weight-diff", joined as i64).await;
            world.wait_until_read("RETRAIN_WEIGHT", joined as u64).await;
        }
    }
}

/// Sends a recorded request and reads as much of the response as was recorded.
pub(super) async fn send_recorded(world: &World, recorded: &Recording) -> Answer {
    send_recorded_over(&world.http, world, recorded).await
}

async fn send_recorded_over(http: &reqwest::Client, world: &World, recorded: &Recording) -> Answer {
    let mut path = recorded.path.clone();
    let mut body = recorded.body.clone();
    // Query ids are numbered differently.
    for (sink, id) in world.query_ids() {
        for kind in ["CSAS", "CTAS"] {
            let prefix = format!("{kind}_{sink}_");
            for number in 0..40 {
                let theirs = format!("{prefix}{number};");
                body = body.replace(&theirs, &format!("{id};"));
            }
        }
    }
    path = path.replace('`', "%60");
    let method: reqwest::Method = recorded.method.parse().unwrap();
    let mut request = http.request(method, format!("{}{path}", world.url));
    for (name, value) in &recorded.headers {
        request = request.header(name, value);
    }
    let sent = request.body(body).send();
    let mut response = tokio::time::timeout(LIMIT, sent).await.unwrap().unwrap();
    let status = response.status().as_u16();
    let content_type = response
        .headers()
        .get("content-type")
        .map(|value| value.to_str().unwrap().to_owned());
    let lines = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).count();
    let wanted = lines(&recorded.answer);
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if !recorded.ended && lines(&text) >= wanted {
            break;
        }
        let chunk = tokio::time::timeout(LIMIT, response.chunk()).await;
        let chunk = chunk.unwrap_or_else(|_| panic!("{path}: no more after {text}"));
        match chunk.unwrap() {
            Some(chunk) => bytes.extend_from_slice(&chunk),
            None => break,
        }
    }
    Answer {
        status,
        content_type,
        body: String::from_utf8(bytes).unwrap(),
    }
}

/// The differences by recording.
#[derive(Default)]
struct Report {
    wrong: Vec<String>,
    covered: Vec<String>,
}

impl Report {
    async fn replay(&mut self, world: &World, name: &str) {
        let recorded = recording::read(name);
        let answer = send_recorded(world, &recorded).await;
        self.judge(name, &recorded, &answer);
    }

    fn judge(&mut self, name: &str, recorded: &Recording, answer: &Answer) {
        self.covered.push(name.to_owned());
        let unsupported = UNSUPPORTED
            .iter()
            .find(|(unsupported, ..)| *unsupported == name);
        match unsupported {
            Some((_, status, _)) if answer.status == *status => {}
            Some((_, status, _)) => self.wrong.push(format!(
                "{name}: status {}, expected {status}: {}",
                answer.status, answer.body
            )),
            None => {
                let found = differences(recorded, answer, exactness(name));
                self.wrong
                    .extend(found.into_iter().map(|wrong| format!("{name}: {wrong}")));
            }
        }
    }

    async fn replay_range(&mut self, world: &World, from: &str, until: &str) {
        for name in recording::names() {
            let skipped = NEVER.iter().any(|(never, _)| *never == name)
                || LIVE.contains(&name.as_str())
                || HTTP2.contains(&name.as_str());
            if !skipped && *from <= *name && *name < *until {
                self.replay(world, &name).await;
            }
        }
    }
}

/// Requests that stream while records are produced.
const LIVE: [&str; 2] = ["202-query-push-latest-live-v1", "302-PRINT-live"];
/// Requests over HTTP/2.
const HTTP2: [&str; 2] = [
    "231-query-stream-http2-limit2",
    "232-query-stream-http2-open-6s",
];
/// Points in time of the recorded run: before the first live record, between them, after the second.
const MOMENTS: [f64; 3] = [1_795_413_590.0, 1_795_413_660.0, 1_795_413_800.0];

/// Sends a recorded request and produces records until its response is complete. The query starts to
/// read some time after the request.
async fn listen(world: &World, run: &Run, name: &str, from: f64, until: f64) -> Answer {
    let recorded = recording::read(name);
    let answer = send_recorded(world, &recorded);
    tokio::pin!(answer);
    // Once queries that were opened later have finished, this query has started to read.
    let settle = async {
        let probe = serde_json::json!({"ksql": "SELECT * FROM ACTUAL_WEIGHT LIMIT 1;"});
        for _ in 0..20 {
            world.post("/query", &probe).await;
        }
        run.produce(world, from, until).await;
    };
    let produced = async {
        settle.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = &mut answer => answer,
        () = produced => unreachable!(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_requests_get_the_responses_of_ksqldb() {
    let world = World::start().await;
    let run = Run::read();
    let mut report = Report::default();
    report.replay_range(&world, "001", "200").await;
    run.produce(&world, 0.0, MOMENTS[0]).await;
    report.replay_range(&world, "200", "202").await;
    let live = listen(&world, &run, LIVE[0], MOMENTS[0], MOMENTS[1]).await;
    report.judge(LIVE[0], &recording::read(LIVE[0]), &live);
    report.replay_range(&world, "203", "300").await;
    http2(&world, &mut report).await;
    report.replay_range(&world, "300", "302").await;
    let live = listen(&world, &run, LIVE[1], MOMENTS[1], MOMENTS[2]).await;
    report.judge(LIVE[1], &recording::read(LIVE[1]), &live);
    report.replay_range(&world, "303", "400").await;
    report.wrong.extend(cli::differences(&world).await);
    world.create_topic("pre1", 1).await;
    world.create_topic("pre6", 6).await;
    report.replay_range(&world, "400", "600").await;

    for names in [vec![601, 602], vec![611]] {
        // The recorded topics existed before, with infinite retention.
        let fresh = World::with(Default::default(), -1).await;
        fresh.create_topic("weight-prediction", 1).await;
        fresh.create_topic("machine-weight", 1).await;
        for number in names {
            let until = format!("{}", number + 1);
            report
                .replay_range(&fresh, &number.to_string(), &until)
                .await;
        }
    }

    let never = NEVER.iter().map(|(name, _)| (*name).to_owned());
    let mut covered: Vec<String> = report.covered.iter().cloned().chain(never).collect();
    covered.sort();
    assert_eq!(
        covered,
        recording::names(),
        "each recording is replayed or listed"
    );
    assert!(report.wrong.is_empty(), "{}", report.wrong.join("\n\n"));
}

async fn http2(world: &World, report: &mut Report) {
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    for name in HTTP2 {
        let text = recording::text(&format!("{name}.txt"));
        let start = text.find("HTTP/2").unwrap();
        let (head, answer) = text[start..].split_once("\n\n").unwrap();
        let limit = if name == HTTP2[0] { " LIMIT 2" } else { "" };
        let sql = format!("SELECT * FROM DIFF_WEIGHT EMIT CHANGES{limit};");
        let reset = if name == HTTP2[0] {
            "earliest"
        } else {
            "latest"
        };
        let body = serde_json::json!({"sql": sql, "properties": {"auto.offset.reset": reset}});
        let recorded = Recording {
            method: "POST".to_owned(),
            path: "/query-stream".to_owned(),
            headers: Vec::new(),
            body: body.to_string(),
            status: 200,
            content_type: Some(
                head.split("content-type: ")
                    .nth(1)
                    .unwrap()
                    .trim()
                    .to_owned(),
            ),
            answer: answer.to_owned(),
            ended: name == HTTP2[0],
        };
        let answer = send_recorded_over(&client, world, &recorded).await;
        report.judge(name, &recorded, &answer);
    }
}
