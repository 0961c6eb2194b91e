//! What is drawn of a report, read back from the marks and from the pictures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command;
mod legible;
mod marks;
mod picture;
mod pixels;
mod sample;
