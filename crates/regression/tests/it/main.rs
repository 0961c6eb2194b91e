//! Comparison with R, input checks, and properties.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod factors;
mod formulas;
mod guards;
mod mixed;
mod properties;
mod reference;
mod stored;
mod summary_text;
mod support;
