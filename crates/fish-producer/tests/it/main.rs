//! The simulation, and the producer on an embedded broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod broker;
mod char_drifts;
mod command_line;
mod producing;
mod restarting;
mod resuming;
mod simulating;
