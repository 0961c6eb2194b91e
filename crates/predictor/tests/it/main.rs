//! The whole predictor: real Kafka protocol, real HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub
)]

#[cfg(feature = "kafka-tests")]
mod campaign;
mod end_to_end;
mod running;
