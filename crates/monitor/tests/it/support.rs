//! A broker, a model server and a monitor, and fish that pass through.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use kafka_io::KafkaSettings;
use model_server::{ModelServer, Secret, SqliteStore};
use monitor::{Config, Monitor};
use pipeline::{EventTime, topics};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use reqwest::Response;
use serde_json::{Value, json};
use service_runtime::CancellationToken;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);
pub(crate) const TOKEN: &str = "open sesame";
const STORE: &str = "store.sqlite";
/// Second 20 of a minute.
const START: i64 = 1_623_245_960_000;

/// A pipeline's surroundings.
pub(crate) struct Stage {
    broker: MockCluster<'static, DefaultProducerContext>,
    producer: FutureProducer,
    pub(crate) kafka: KafkaSettings,
    pub(crate) model_url: String,
    store: SqliteStore,
    folder: TempDir,
    pub(crate) stop: CancellationToken,
}

pub(crate) fn time(second: i64) -> EventTime {
    EventTime::from_millis(START + second * 1_000).unwrap()
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let broker = MockCluster::new(1).unwrap();
        for topic in topics::ALL {
            broker.create_topic(topic, 2, 1).unwrap();
            broker
                .create_topic(&topics::dead_letters_of(topic), 1, 1)
                .unwrap();
        }
        let kafka = KafkaSettings::plain(broker.bootstrap_servers());
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join(STORE)).unwrap();
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
        let stage = Self {
            producer: kafka.producer("test").create().unwrap(),
            broker,
            kafka,
            model_url,
            store,
            folder,
            stop,
        };
        until("the model server is ready", async || {
            let ready = format!("{}/readyz", stage.model_url);
            reqwest::get(ready)
                .await
                .is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        stage
    }

    pub(crate) fn config(&self) -> Config {
        Config::new(self.kafka.clone(), self.model_url.clone())
    }

    /// The settings of a monitor that looks into the store.
    pub(crate) fn config_with_store(&self) -> Config {
        let store = self.folder.path().join(STORE);
        let store = format!("sqlite:{}", store.display());
        Config {
            store: Some(store.parse().unwrap()),
            ..self.config()
        }
    }

    pub(crate) async fn monitor(&self) -> Served {
        self.monitor_with(self.config()).await
    }

    /// A monitor that reads every topic.
    pub(crate) async fn monitor_with(&self, config: Config) -> Served {
        let monitor = Monitor::bind(config).await.unwrap();
        let url = format!("http://127.0.0.1:{}", monitor.port());
        let stop = self.stop.child_token();
        let running = tokio::spawn(monitor.run(stop.clone()));
        let served = Served { url, stop, running };
        until("the monitor reads", async || {
            served.get("/readyz").await.status() == 200
        })
        .await;
        served
    }

    pub(crate) async fn live_version(&self) -> String {
        let live = reqwest::get(format!("{}/models/live", self.model_url)).await;
        let live: Value = live.unwrap().json().await.unwrap();
        live["ModelVersion"].as_str().unwrap().to_owned()
    }

    pub(crate) fn kafka_goes_away(&self) {
        self.broker.broker_down(1).unwrap();
    }

    pub(crate) async fn write(&self, topic: &str, key: &[u8], value: &str, at: EventTime) {
        let record = FutureRecord::to(topic).key(key).payload(value);
        let record = record.timestamp(at.as_millis());
        self.producer.send(record, LONG).await.unwrap();
    }

    /// All records of one fish, measured at `2 * id` seconds and weighed 10 s later.
    pub(crate) async fn fish(&self, id: i64, species: &str, version: &str, error: f64) {
        self.fish_to(4, id, species, version, error).await;
    }

    /// The records of one fish to the step that is the `steps`th: measured, predicted, weighed, joined.
    pub(crate) async fn fish_to(
        &self,
        steps: usize,
        id: i64,
        species: &str,
        version: &str,
        error: f64,
    ) {
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
        let key = id.to_string();
        for (topic, value, at) in [
            (topics::MACHINE_MEASUREMENT, measurement, measured),
            (topics::WEIGHT_PREDICTION, prediction, measured),
            (topics::MACHINE_WEIGHT, weighing, weighed),
            (topics::WEIGHT_DIFF, diff, weighed),
        ]
        .into_iter()
        .take(steps)
        {
            self.write(topic, key.as_bytes(), &value.to_string(), at)
                .await;
        }
    }

    /// A trigger for the minute that begins at `start`.
    pub(crate) async fn trigger(&self, version: &str, start: EventTime, fish: (i64, i64)) {
        let key = [version.as_bytes(), &start.as_millis().to_be_bytes()].concat();
        let value = json!({
            "ModelVersion": version, "Species": ["walleye"], "Fish_Id_Start": fish.0.to_string(),
            "Fish_Id_End": fish.1.to_string(), "ErrorAvg": 0.8, "Fish": fish.1 - fish.0 + 1,
        });
        self.write(topics::WEIGHT_RETRAIN, &key, &value.to_string(), start)
            .await;
    }

    /// Stores rows of 40 walleye, and trains on them as the trigger for fish 1 to 14 does.
    pub(crate) async fn retrain(&self) -> String {
        let live = self.live_version().await;
        self.store_walleye(40, &live).await;
        let trigger = json!({
            "ModelVersion": live, "Species": ["walleye"], "Fish_Id_Start": "1",
            "Fish_Id_End": "14", "ErrorAvg": 0.8, "Fish": 14,
        });
        let asked = reqwest::Client::new()
            .post(format!("{}/train", self.model_url))
            .bearer_auth(TOKEN)
            .json(&trigger);
        let answer: Value = asked.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["Outcome"], "activated", "{answer}");
        answer["ModelVersion"].as_str().unwrap().to_owned()
    }

    /// Stores the rows of the first so many fish.
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
        self.producer.send(record, LONG).await.unwrap();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The model server as seen through a connection that fails for some paths.
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

    pub(crate) fn mend(&self) {
        *self.broken.lock().unwrap() = None;
    }
}

/// A monitor that runs.
pub(crate) struct Served {
    pub(crate) url: String,
    pub(crate) stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Served {
    pub(crate) async fn get(&self, path: &str) -> Response {
        let asked = timeout(LONG, reqwest::get(format!("{}{path}", self.url)));
        asked.await.expect("in time").expect("an answer")
    }

    pub(crate) async fn page(&self) -> String {
        self.get("/").await.text().await.unwrap()
    }

    /// Loads the page until it says `text`.
    pub(crate) async fn page_with(&self, text: &str) -> String {
        until(text, async || self.page().await.contains(text)).await;
        self.page().await
    }

    pub(crate) async fn events(&self, last: Option<&str>) -> Events {
        let mut request = reqwest::Client::new().get(format!("{}/events", self.url));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let answer = timeout(LONG, request.send()).await.unwrap().unwrap();
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
        let ended = timeout(LONG, self.running).await;
        ended.expect("in time").unwrap().unwrap();
    }
}

/// Tries until something is so; gives up after [`LONG`].
pub(crate) async fn until(what: &str, is: impl AsyncFn() -> bool) {
    let trying = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(LONG, trying).await.is_ok(), "in vain: {what}");
}

/// A connection on which events come.
pub(crate) struct Events {
    pub(crate) answer: Response,
    unread: String,
}

/// What came with one frame: its number, and the sections that changed with their HTML.
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
    /// The next frame; none where the connection ended.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        timeout(LONG, self.read()).await.expect("in time")
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

    /// Reads on until a section says `text`.
    pub(crate) async fn frame_with(&mut self, section: &str, text: &str) -> Frame {
        loop {
            let frame = self.frame().await.expect("a frame");
            if frame.html(section).is_some_and(|html| html.contains(text)) {
                return frame;
            }
        }
    }
}
