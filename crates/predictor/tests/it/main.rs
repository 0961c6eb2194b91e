//! The predictor as a whole: real Kafka protocol, real HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub
)]

mod support;

mod end_to_end;
