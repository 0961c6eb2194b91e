//! Tests of the drawings of a report, by their marks, SVG and pixels.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command;
mod legible;
mod marks;
mod picture;
mod pixels;
mod sample;
