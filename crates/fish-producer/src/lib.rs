//! Simulators of the two machines of a fish factory: one measures, the other weighs.
//!
//! | module | what is in it |
//! |---|---|
//! | [`simulation`] | the fish, when they are measured and weighed; without Kafka |
//! | [`producer`] | the simulation on two Kafka topics, every record acknowledged |
//! | [`progress`] | how far it is, for a caller and as metrics |
//! | [`service`] | the binary's command line and its endpoints |
//!
//! A bigger program embeds [`FishProducer`]: `bind` it, ask its [`Simulation`] for what is planned
//! and its [`Progress`] for how far it is, then `run` it.

mod connection;
mod deliveries;
mod machines;
mod pacing;
pub mod producer;
pub mod progress;
pub mod service;
pub mod simulation;
mod tails;

pub use producer::FishProducer;
pub use progress::Progress;
pub use simulation::{Config, Fish, Simulation};
