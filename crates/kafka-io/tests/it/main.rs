//! The pipeline on a broker in this process: what it does where something goes wrong for good.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub
)]

mod failures;
mod world;
