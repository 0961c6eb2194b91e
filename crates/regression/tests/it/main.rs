//! The crate against R, its guards, and what must hold for any rows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod factors;
mod guards;
mod properties;
mod reference;
mod stored;
mod summary_text;
mod support;
