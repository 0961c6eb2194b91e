//! A broker, a model server and a monitor, and fish that pass through.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, Uri};
use model_server::{ModelServer, Secret};
use model_store::SqliteStore;
use monitor::{Config, Monitor};
use pipeline::{Definition, EventTime, topics};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::FutureRecord;
use reqwest::Response;
use serde_json::{Value, json};
use service_runtime::CancellationToken;
use tempfile::TempDir;
use test_support::{Broker, eventually, within};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) const TOKEN: &str = "open sesame";
const STORE: &str = "store.sqlite";
/// Second 20 of a minute.
const START: i64 = 1_623_245_960_000;

/// A broker, a model server and a store for monitors.
pub(crate) struct Stage {
    pub(crate) broker: Broker,
    pub(crate) model_url: String,
    /// The version that is live at the start.
    pub(crate) live: String,
    store: SqliteStore,
    folder: TempDir,
    stop: CancellationToken,
}

pub(crate) fn time(second: i64) -> EventTime {
    EventTime::from_millis(START + second * 1_000).unwrap()
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let broker = Broker::with_topics(2, topics::ALL);
        for topic in topics::ALL {
            broker.create_topic(&topics::dead_letters_of(topic), 1);
        }
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join(STORE), Definition::shipped()).unwrap();
        let config = model_server::Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            train_token: Secret(TOKEN.to_owned()),
            ..model_server::Config::default()
        };
        let server = ModelServer::bind_with_store(config, Arc::new(store.clone())).await;
        let server = server.unwrap();
        let model_url = format!("http://127.0.0.1:{}", server.port());
        let stop = CancellationToken::new();
        tokio::spawn(server.run(stop.clone()));
        eventually("the model server is ready", async || {
            let answer = reqwest::get(format!("{model_url}/readyz")).await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        let live = reqwest::get(format!("{model_url}/models/live")).await;
        let live: Value = live.unwrap().json().await.unwrap();
        Self {
            broker,
            model_url,
            live: live["ModelVersion"].as_str().unwrap().to_owned(),
            store,
            folder,
            stop,
        }
    }

    pub(crate) fn config(&self) -> Config {
        let kafka = self.broker.settings();
        Config::new(kafka, self.model_url.clone())
    }

    /// The settings of a monitor that reads the store.
    pub(crate) fn config_with_store(&self) -> Config {
        let store = self.folder.path().join(STORE);
        let store = format!("sqlite:{}", store.display());
        Config {
            store: Some(store.parse().unwrap()),
            ..self.config()
        }
    }

    /// Cancelled at the end of the test.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.child_token()
    }

    pub(crate) async fn monitor(&self) -> Served {
        self.monitor_with(self.config()).await
    }

    /// A monitor that reads all topics.
    pub(crate) async fn monitor_with(&self, config: Config) -> Served {
        let monitor = Monitor::bind(config).await.unwrap();
        let url = format!("http://127.0.0.1:{}", monitor.port());
        let stop = self.stop.child_token();
        let running = tokio::spawn(monitor.run(stop.clone()));
        let served = Served { url, stop, running };
        eventually("the monitor is ready", async || {
            served.get("/readyz").await.status() == 200
        })
        .await;
        served
    }

    pub(crate) async fn write(&self, topic: &str, key: &[u8], value: &str, at: EventTime) {
        let record = FutureRecord::to(topic).key(key).payload(value);
        self.broker.send(record.timestamp(at.as_millis())).await;
    }

    /// All records of fish, each measured at `2 * id` seconds and weighed 10 s later.
    pub(crate) async fn fish(
        &self,
        ids: RangeInclusive<i64>,
        species: &str,
        version: &str,
        error: f64,
    ) {
        self.fish_to(4, ids, species, version, error).await;
    }

    /// The records of fish up to a step: measured, predicted, weighed, joined.
    pub(crate) async fn fish_to(
        &self,
        steps: usize,
        ids: RangeInclusive<i64>,
        species: &str,
        version: &str,
        error: f64,
    ) {
        let mut records: [Vec<_>; 4] = Default::default();
        for id in ids {
            let (measured, weighed) = (time(2 * id), time(2 * id + 10));
            let measurement = json!({
                "Fish_Id": id.to_string(), "Species": species, "Length": 80.0, "Height": 19.0,
                "Timestamp": measured,
            });
            let mut prediction = measurement.clone();
            prediction["Prediction"] = json!({
                "Weight": 4.0, "ModelTime": "2021-06-02 07:48:52", "ModelVersion": version,
            });
            let weighing = json!({
                "Fish_Id": id.to_string(), "Species": species, "Weight": 4.0, "Timestamp": weighed,
            });
            let diff = json!({
                "_id": format!("{id}@{weighed}"), "Key": "Key", "Fish_Id": id.to_string(),
                "Species": species, "Length": 80.0, "Height": 19.0, "PredictedWeight": 4.0,
                "ActualWeight": 4.0, "Error": error, "ModelTime": "2021-06-02 07:48:52",
                "ModelVersion": version, "Timestamp": weighed,
            });
            let values = [
                (measurement, measured),
                (prediction, measured),
                (weighing, weighed),
                (diff, weighed),
            ];
            for (records, (value, at)) in records.iter_mut().zip(values) {
                records.push((id.to_string(), value.to_string(), at.as_millis()));
            }
        }
        let topics = [
            topics::MACHINE_MEASUREMENT,
            topics::WEIGHT_PREDICTION,
            topics::MACHINE_WEIGHT,
            topics::WEIGHT_DIFF,
        ];
        for (topic, records) in topics.into_iter().zip(records).take(steps) {
            self.broker.send_all(topic, records).await;
        }
    }

    /// A trigger for the minute that begins at `start`.
    pub(crate) async fn trigger(&self, version: &str, start: EventTime, fish: (i64, i64)) {
        let key = [version.as_bytes(), &start.as_millis().to_be_bytes()].concat();
        let value = cause(version, fish).to_string();
        self.write(topics::WEIGHT_RETRAIN, &key, &value, start)
            .await;
    }

    /// Stores rows of 40 walleye, and trains on them with the trigger for fish 1 to 14 as the cause.
    pub(crate) async fn retrain(&self) -> String {
        self.store_walleye(40, &self.live).await;
        let request = reqwest::Client::new()
            .post(format!("{}/train", self.model_url))
            .bearer_auth(TOKEN)
            .json(&cause(&self.live, (1, 14)));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["Outcome"], "activated", "{answer}");
        answer["ModelVersion"].as_str().unwrap().to_owned()
    }

    /// Stores the rows of the first fish.
    pub(crate) async fn store_walleye(&self, fish: i64, version: &str) {
        let rows = (1..=fish).map(|id| {
            let weighed = time(2 * id + 10);
            let (length, height) = (75.0 + (id % 7) as f64, 15.0 + (id % 5) as f64);
            let noise = ((id * 37) % 11) as f64 / 100.0;
            let row = json!({
                "_id": format!("{id}@{weighed}"), "Key": "Key", "Fish_Id": id.to_string(),
                "Species": "walleye", "Length": length,
                "Height": height, "PredictedWeight": 4.0,
                "ActualWeight": 0.02 * length + 0.04 * height + noise, "Error": 0.8,
                "ModelVersion": version, "Timestamp": weighed,
            });
            (format!("{id}@{weighed}"), row)
        });
        let stored = self
            .store
            .replace_many("Weight", "TrainingData", rows.collect());
        stored.await.unwrap();
    }

    pub(crate) async fn dead_letter(&self, reason: &str) {
        let headers = OwnedHeaders::new().insert(Header {
            key: "dlq.reason",
            value: Some(reason),
        });
        let topic = topics::dead_letters_of(topics::MACHINE_MEASUREMENT);
        let record = FutureRecord::to(&topic)
            .key("7")
            .payload("{")
            .headers(headers);
        self.broker.send(record).await;
    }
}

/// A trigger's record.
fn cause(version: &str, (first, last): (i64, i64)) -> Value {
    json!({
        "ModelVersion": version, "Species": ["walleye"], "Fish_Id_Start": first.to_string(),
        "Fish_Id_End": last.to_string(), "ErrorAvg": 0.8, "Fish": last - first + 1,
    })
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A proxy in front of the model server that fails for some paths.
pub(crate) struct Faulty {
    pub(crate) url: String,
    broken: Arc<Mutex<Option<&'static str>>>,
}

impl Faulty {
    pub(crate) async fn of(model_url: &str, broken: &'static str) -> Self {
        let broken = Arc::new(Mutex::new(Some(broken)));
        let (base, fails) = (model_url.to_owned(), Arc::clone(&broken));
        let forward = move |uri: Uri| {
            let (base, fails) = (base.clone(), Arc::clone(&fails));
            async move {
                let broken = *fails.lock().unwrap();
                if broken.is_some_and(|end| uri.path().ends_with(end)) {
                    return (StatusCode::INTERNAL_SERVER_ERROR, String::new());
                }
                let answer = reqwest::get(format!("{base}{uri}")).await.unwrap();
                (answer.status(), answer.text().await.unwrap())
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(forward);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, broken }
    }

    pub(crate) fn repair(&self) {
        *self.broken.lock().unwrap() = None;
    }
}

/// A running monitor.
pub(crate) struct Served {
    pub(crate) url: String,
    pub(crate) stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Served {
    pub(crate) async fn get(&self, path: &str) -> Response {
        within(path, reqwest::get(format!("{}{path}", self.url)))
            .await
            .unwrap()
    }

    pub(crate) async fn page(&self) -> String {
        self.get("/").await.text().await.unwrap()
    }

    /// Loads the page until it contains `text`.
    pub(crate) async fn page_with(&self, text: &str) -> String {
        eventually(text, async || self.page().await.contains(text)).await;
        self.page().await
    }

    pub(crate) async fn events(&self, last: Option<&str>) -> Events {
        let mut request = reqwest::Client::new().get(format!("{}/events", self.url));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let answer = within("/events", request.send()).await.unwrap();
        Events {
            answer,
            unread: String::new(),
        }
    }

    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let all = self.get("/metrics").await.text().await.unwrap();
        let line = all.lines().find_map(|line| line.strip_prefix(name));
        line.expect(name).trim().parse().unwrap()
    }

    pub(crate) async fn ended(self) {
        within("the monitor ends", self.running)
            .await
            .unwrap()
            .unwrap();
    }
}

/// A connection that receives events.
pub(crate) struct Events {
    pub(crate) answer: Response,
    unread: String,
}

/// The sections of a frame that changed, with their HTML.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) id: String,
    pub(crate) sections: Vec<(String, String)>,
}

impl Frame {
    pub(crate) fn names(&self) -> Vec<&str> {
        let names = self.sections.iter().map(|(name, _)| name.as_str());
        names.collect()
    }

    pub(crate) fn html(&self, name: &str) -> Option<&str> {
        let found = self.sections.iter().find(|(known, _)| known == name);
        found.map(|(_, html)| html.as_str())
    }
}

impl Events {
    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        within("a frame", self.read()).await
    }

    async fn read(&mut self) -> Option<Frame> {
        let mut sections = Vec::new();
        loop {
            while let Some((event, rest)) = self.unread.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.map(str::to_owned)
                };
                let (kind, data, id) = (field("event: "), field("data: "), field("id: "));
                self.unread = rest.to_owned();
                match kind.as_deref() {
                    Some("section") => {
                        let message: Value = serde_json::from_str(&data.unwrap()).unwrap();
                        let text = |name: &str| message[name].as_str().unwrap().to_owned();
                        sections.push((text("section"), text("html")));
                    }
                    Some("frame") => {
                        assert_eq!(id, data);
                        let id = id.expect("a number");
                        return Some(Frame { id, sections });
                    }
                    _ => {}
                }
            }
            let chunk = self.answer.chunk().await.ok()??;
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Reads frames until a section contains `text`.
    pub(crate) async fn frame_with(&mut self, section: &str, text: &str) -> Frame {
        loop {
            let frame = self.frame().await.expect("a frame");
            if frame.html(section).is_some_and(|html| html.contains(text)) {
                return frame;
            }
        }
    }
}
