//! What there is to draw, without pixels: from a report to points, bands, windows and brackets.
//!
//! Every mark can be written as JSON, so that a page that draws in the browser says the same as
//! the pictures. Positions count fish in the order of measurement, from 1.
//!
//! | module | what is in it |
//! |---|---|
//! | [`timeline`] | error by fish, bands of species, spans of model versions |
//! | [`retraining`] | a trigger's window, training rows, retraining, first fish, recovery |
//! | [`weights`] | predicted against actual weight by model version |
//! | `check` | refuses numbers that cannot be drawn |

mod check;
pub mod retraining;
mod species;
pub mod timeline;
pub mod weights;

pub use retraining::{Recovery, Retrained, RetrainingMarks, SpeciesShare, TrainingRows, Window};
pub use timeline::{Band, FishPoint, ModelSpan, Span, Timeline};
pub use weights::{Panel, WeightPoint, Weights};

/// Characters of a name that are drawn. A species has 64 at most, but a record may hold any text.
const LONGEST: usize = 64;

/// A name, cut where it is longer than any should be.
fn name(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The mean; none of nothing.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
