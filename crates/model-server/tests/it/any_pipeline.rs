//! The API is made from the columns of the pipeline.

use std::path::Path;

use model_server::Config;
use pipeline_folder::Folder;
use serde_json::{Value, json};

use crate::harness::{Server, config, problem, send, text};

const DEFINITION: &str = r#"
[record]
name = "house reading"
key = "Id"
[measured]
topic = "readings"
[actual]
topic = "meters"
[predicted]
topic = "forecasts"
[model]
formula = "balance ~ `temp \"out\"` + wärme + day + `build type`"
group = "build type"
error = "absolute"
first-rows = "first rows.csv"
[columns]
'temp "out"' = { field = 'temp "out"', unit = "°C", at-least = -60, below = 60.5 }
"wärme" = { field = "Wärme" }
day = { field = "Day", category = true }
"build type" = { field = "Type", category = true }
balance = { field = "Balance kWh", unit = "kWh" }
[rows]
topic = "errors"
trigger = "retrain"
database = "Houses"
collection = "Rows"
"#;

/// A folder with first rows whose target is around zero.
fn folder(dir: &Path) -> Folder {
    std::fs::write(dir.join("pipeline.toml"), DEFINITION).unwrap();
    let mut rows = "Id,\"temp \"\"out\"\"\",wärme,day,build type,balance\n".to_owned();
    for id in 1..=60 {
        let (outside, warm, target, day, kind) = values(id);
        rows += &format!("{id},{outside},{warm},{day},{kind},{target}\n");
    }
    std::fs::write(dir.join("first rows.csv"), rows).unwrap();
    Folder::open(dir).unwrap()
}

fn values(id: u32) -> (f64, f64, f64, &'static str, &'static str) {
    let wave = |step: f64| (f64::from(id) * step).sin();
    let (outside, warm) = (10.0 * wave(1.7), 3.0 * wave(2.9));
    let day = ["mon", "tue", "sun"][id as usize % 3];
    let kind = ["old", "new"][id as usize % 2];
    let target = 0.5 * outside - warm + f64::from(id % 2) + 0.1 * wave(5.3);
    (outside, warm, target, day, kind)
}

async fn start(dir: &Path) -> Server {
    let folder = folder(dir);
    let config = Config { folder, ..config() };
    Server::start_for(dir, config).await
}

/// A stored row with a number as its key.
fn row(id: u32) -> Value {
    let (outside, warm, target, day, kind) = values(id);
    json!({
        "_id": id, "Id": id, "temp \"out\"": outside, "Wärme": warm, "Day": day, "Type": kind,
        "ActualBalance kWh": target, "ModelVersion": "x", "Timestamp": 1_623_245_977_971_i64 + i64::from(id)
    })
}

#[tokio::test]
async fn predictions_have_the_names_of_the_columns() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path()).await;
    let query = "temp+%22out%22=-7.5&w%C3%A4rme=0&day=mon&build%20type=old";
    let one = server.json(&format!("/prediction?{query}")).await;
    let names: Vec<&String> = one.as_object().unwrap().keys().collect();
    let expected = [
        "Balance kWh",
        "ModelTime",
        "ModelVersion",
        "Lower95",
        "Upper95",
        "Unseen",
    ];
    assert_eq!(names, expected);
    assert!(one["Balance kWh"].as_f64().unwrap() < 0.0);
    assert_eq!(one["Unseen"], json!([]));

    let good = json!({ "temp \"out\"": -7.5, "wärme": 0, "day": "mon", "build type": "old" });
    let mut unseen = good.clone();
    unseen["build type"] = json!("tent");
    let bad = json!({ "temp \"out\"": 60.5, "wärme": null, "day": 3 });
    let call = server
        .post("/predictions")
        .json(&json!([good, unseen, bad]));
    let answers: Vec<Value> = send(call).await.json().await.unwrap();
    assert_eq!(answers[0], one);
    assert_eq!(answers[1]["Unseen"], json!(["build type"]));
    assert_eq!(
        answers[2]["error"]["detail"],
        "`temp \"out\"` must be less than 60.5; `wärme` is missing; `day` is not a string; `build type` is missing"
    );
    let problem = problem(server.post("/predictions").body("{"), 400).await;
    let detail = text(&problem["detail"]);
    assert!(detail.contains("\"build type\":\"new\"}]"), "{detail}");
    server.stop().await;
}

#[tokio::test]
async fn rows_and_triggers_have_the_names_of_the_pipeline() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path()).await;
    let live = server.json("/models/live").await;
    assert_eq!(live["Type"], json!(["new", "old"]));
    let rows: Vec<_> = (1..=70).map(|id| (id.to_string(), row(id))).collect();
    let stored = server.store.replace_many("Houses", "Rows", rows);
    stored.await.unwrap();
    let version = text(&live["ModelVersion"]);
    let trigger = json!({
        "ModelVersion": version, "Type": ["old"], "Id_Start": 41, "Id_End": 70, "ErrorAvg": 2.5,
        "House reading": 30
    });
    let late = json!({ "ModelVersion": version, "Id_Start": 41, "Id_End": 71 });
    let refused = problem(server.post("/train").json(&late), 503).await;
    let detail = text(&refused["detail"]);
    assert!(detail.contains("no row of house reading `71`"), "{detail}");

    // The rows carry no prediction of the live version.
    let anonymous = json!({ "Id_End": 70 });
    let report = server.train("/train?force=true", anonymous).await;
    assert_eq!(report["Type"], json!(["new", "old"]));
    assert_eq!(report["Outcome"], "activated");
    let again = server.train("/train", trigger).await;
    assert_eq!(again["Outcome"], "superseded");
    assert_eq!(again["Type"], Value::Null);

    let trained = text(&report["ModelVersion"]);
    let csv = send(server.get(&format!("/models/{trained}/rows"))).await;
    let csv = csv.text().await.unwrap();
    let mut lines = csv.lines();
    let header = lines.next().unwrap();
    assert_eq!(
        header,
        "day,build type,\"temp \"\"out\"\"\",wärme,balance,row_id,timestamp"
    );
    assert_eq!(lines.count() as u64, report["Rows"].as_u64().unwrap());
    // The file can train the first model again.
    let file = dir.path().join("rows.csv");
    std::fs::write(&file, csv).unwrap();
    server.stop().await;
    let again = tempfile::tempdir().unwrap();
    let config = Config {
        folder: folder(again.path()),
        training_data: Some(file),
        ..config()
    };
    let server = Server::start_for(again.path(), config).await;
    assert_eq!(server.live().await, trained);
    server.stop().await;
}

#[tokio::test]
async fn the_documentation_has_units_limits_and_examples() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path()).await;
    let document = server.json("/openapi.json").await;
    let parameters = &document["paths"]["/prediction"]["get"]["parameters"];
    assert_eq!(
        parameters[0],
        json!({
            "name": "temp \"out\"", "in": "query", "description": "Temp \"out\" in °C", "required": true,
            "schema": { "type": "number", "format": "double", "minimum": -60, "exclusiveMaximum": 60.5 },
            "example": values(1).0
        })
    );
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(schemas.contains_key("House_reading"));
    let all = document.to_string();
    for absent in [
        "fish",
        "Fish",
        "pecies",
        "centimetres",
        "mean absolute relative error",
    ] {
        assert!(!all.contains(absent), "{absent}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_documentation_of_the_fish_is_unchanged() {
    let (server, _dir) = Server::start().await;
    let document = send(server.get("/openapi.json"))
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(document, include_str!("../data/openapi.json"));
    server.stop().await;
}
