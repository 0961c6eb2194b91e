//! Linear models by formula over named columns: fit, summary, prediction with interval, and
//! leave-one-out error.
//!
//! R's `lm` is the reference for every number, and lme4's `lmer` for random intercepts. The crate does no I/O and is independent of what its
//! columns mean.
//!
//! The feature `fit` (on by default) adds [`fit()`], which solves the least squares problem with
//! linfa. Without it, the crate depends on no linear algebra library and can still deserialize a
//! [`FittedModel`], predict, and summarize.
//!
//! | module | contents |
//! |---|---|
//! | [`formula`] | `weight ~ length + height + origin` as a value: parse, display, terms, serde |
//! | `function` | `log`, `sqrt`, `exp` and powers, with domains and inverses |
//! | [`table`] | named columns of numbers or strings: rows to train on or to make predictions for |
//! | [`fit`](mod@fit) | from a formula and a table to a model; input checks (feature `fit`) |
//! | [`model`] | the fitted model: the full fit and the fits for unseen levels |
//! | `stored` | the model's serialized form |
//! | [`predict`] | predicted value and 95 % interval, by position, by name, or for a table |
//! | [`error_measure`] | leave-one-out predictions and the mean error, relative or absolute |
//! | [`summary`] | coefficients, R², F test, and the text of R's `summary(lm)` |
//! | `variables` | the columns that a formula needs; values and levels of one row |
//! | `layout` | columns of the design matrix: contrasts, interactions, names, sparse rows |
//! | `linear_fit` | estimates, standard errors and leverages of one solved fit |
//! | `random` | random intercepts of a fit |
//! | `distribution` | Student's t and Fisher's F |
//!
#![cfg_attr(feature = "fit", doc = "```")]
#![cfg_attr(not(feature = "fit"), doc = "```ignore")]
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
//! assert!(prediction.unseen.is_empty());
//!
//! // For a level that the training rows do not contain, the fit `load ~ width` predicts.
//! assert!(model.predict(&[3.5], &["ash"])?.unseen.contains(0));
//! # Ok(())
//! # }
//! ```

mod distribution;
pub mod error_measure;
#[cfg(feature = "fit")]
pub mod fit;
pub mod formula;
mod function;
mod layout;
mod linear_fit;
pub mod model;
pub mod predict;
mod random;
mod stored;
pub mod summary;
pub mod table;
mod variables;

pub use distribution::t_quantile_975;
pub use error_measure::{ErrorMeasure, ErrorMeasureError};
#[cfg(feature = "fit")]
pub use fit::{FitError, design_columns, fit};
pub use formula::{Formula, FormulaError};
pub use function::{Function, OutsideDomain};
pub use model::{FittedModel, InvalidModel};
pub use predict::{PredictError, Prediction, Value};
pub use summary::{RandomInterceptSummary, Summary};
pub use table::{Column, Table, TableError};
pub use variables::{UnseenFactors, Variable};
