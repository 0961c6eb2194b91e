//! Versions for unit tests.
#![allow(clippy::unwrap_used)]

use pipeline::{Definition, EventTime};

use crate::cause::Cause;
use crate::features::{self, TrainingRow};
use crate::version::Version;

/// 30 different rows of salmon.
pub(crate) fn rows(from: u32) -> Vec<TrainingRow> {
    (from..from + 30)
        .map(|id| {
            let wave = |step: f64| (f64::from(id) * step).sin();
            let (length, height) = (88.0 + 5.0 * wave(1.7), 19.0 + wave(2.9));
            TrainingRow {
                row_id: id.to_string(),
                levels: ["salmon".to_owned()].into(),
                numbers: [length, height].into(),
                target: 0.05 * length + 0.01 * height + 0.1 * wave(5.3),
                timestamp: None,
            }
        })
        .collect()
}

/// A version trained on [`rows`].
pub(crate) fn version(from: u32) -> Version {
    train(rows(from))
}

/// A version trained on `rows`.
pub(crate) fn train(rows: Vec<TrainingRow>) -> Version {
    let definition = Definition::shipped();
    let table = features::table(definition, &rows).unwrap();
    let model = regression::fit(&definition.formula, &table).unwrap();
    let started = EventTime::now();
    Version::new(definition, model, rows, 0, Cause::of(None), started).unwrap()
}

/// A pipeline whose errors are absolute, and whose group is not in the formula.
pub(crate) fn energy() -> &'static Definition {
    let text = r#"
        record = { name = "reading", key = "Id" }
        measured.topic = "readings"
        actual.topic = "meters"
        predicted.topic = "forecasts"
        rows = { topic = "errors", trigger = "retrain", database = "Energy", collection = "Rows" }
        [model]
        formula = "balance ~ outdoor + day"
        group = "room"
        error = "absolute"
        first-rows = "rows.csv"
        [columns]
        outdoor = { field = "outdoor °C", unit = "°C" }
        day = { field = "Day", category = true }
        room = { field = "Room", category = true }
        balance = { field = "Balance", unit = "kWh" }
    "#;
    Definition::parse(text).unwrap().leak()
}
