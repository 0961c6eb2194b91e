//! What is drawn of a report, read back from the marks, the SVG and the pixels.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command;
mod legible;
mod marks;
mod picture;
mod pixels;
mod sample;
