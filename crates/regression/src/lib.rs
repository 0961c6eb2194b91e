//! Linear models by formula over named columns: fit, guards, summary, prediction with interval, leave-one-out.
//!
//! R's `lm` is the reference for every number; linfa solves the least squares problem. The crate
//! does no I/O and knows nothing of what its columns mean.
//!
//! | module | job |
//! |---|---|
//! | [`formula`] | `weight ~ length + height + species` as a value: parse, display, serde |
//! | [`table`] | named columns of numbers or texts: the rows to train on or to predict |
//! | `terms` | what the formula's names turned out to be in the rows: a numeric or a factor and its levels |
//! | `design` | the design matrix: intercept, centred numerics, treatment contrasts |
//! | `rank` | QR of the design matrix; refuses a column that the ones before it determine |
//! | `triangle` | the inverse of QR's R: standard errors and leverages without forming X'X |
//! | `least_squares` | one solved fit (linfa) and what its numbers give: spread, leverages |
//! | [`fit`](mod@fit) | the whole way from formula and table to a model, with its guards |
//! | [`model`] | the fitted model: the fit, the pooled fit of the same rows, serde |
//! | [`predict`] | value and 95 % prediction interval, by position (no allocation), by name, by table |
//! | [`leave_one_out`] | exact leave-one-out predictions from the hat matrix, mean absolute relative error |
//! | [`summary`] | coefficients, R², F and the text of R's `summary(lm)` |
//!
//! ```
//! use regression::{Formula, Table, fit};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let table = Table::new()
//!     .with_numeric("width", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?
//!     .with_text("wood", ["oak", "oak", "oak", "pine", "pine", "pine"])?
//!     .with_numeric("load", [2.1, 3.9, 6.1, 7.2, 9.1, 10.8])?;
//! let formula: Formula = "load ~ width + wood".parse()?;
//! let model = fit(&formula, &table)?;
//!
//! let prediction = model.predict(&[3.5], &["pine"])?;
//! assert!(prediction.lower < prediction.value && prediction.value < prediction.upper);
//! assert!(!prediction.pooled);
//!
//! // A level that was not in the rows is answered by the pooled fit `load ~ width`, and says so.
//! assert!(model.predict(&[3.5], &["ash"])?.pooled);
//! # Ok(())
//! # }
//! ```

mod design;
mod distribution;
pub mod fit;
pub mod formula;
mod least_squares;
pub mod leave_one_out;
pub mod model;
pub mod predict;
mod rank;
pub mod summary;
pub mod table;
mod terms;
mod triangle;

pub use distribution::t_quantile_975;
pub use fit::{FitError, fit};
pub use formula::{Formula, FormulaError};
pub use leave_one_out::{ErrorMeasureError, mean_absolute_relative_error};
pub use model::{FittedModel, InvalidModel};
pub use predict::{PredictError, Prediction, Value};
pub use summary::Summary;
pub use table::{Column, Table, TableError};
