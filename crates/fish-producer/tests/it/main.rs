//! The producer as its users see it: a simulation, and records on two topics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod broker;
mod char_drifts;
mod command_line;
mod going_on;
mod producing;
mod resuming;
mod simulating;
