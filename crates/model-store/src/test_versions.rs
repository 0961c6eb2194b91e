//! Versions for unit tests.
#![allow(clippy::unwrap_used)]

use pipeline::EventTime;

use crate::cause::Cause;
use crate::features::{self, TrainingRow};
use crate::version::Version;

/// 30 different rows of salmon.
pub(crate) fn rows(from: u32) -> Vec<TrainingRow> {
    (from..from + 30)
        .map(|id| {
            let wave = |step: f64| (f64::from(id) * step).sin();
            let (length_cm, height_cm) = (88.0 + 5.0 * wave(1.7), 19.0 + wave(2.9));
            TrainingRow {
                row_id: id.to_string(),
                species: "salmon".into(),
                length_cm,
                height_cm,
                weight_kg: 0.05 * length_cm + 0.01 * height_cm + 0.1 * wave(5.3),
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
    let table = features::table(&rows).unwrap();
    let model = regression::fit(&features::formula().unwrap(), &table).unwrap();
    Version::new(model, rows, 0, Cause::of(None), EventTime::now()).unwrap()
}
