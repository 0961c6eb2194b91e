//! Simulators of the two machines of a fish factory: one measures fish, the other weighs them.
//!
//! | module | contents |
//! |---|---|
//! | [`simulation`] | the fish and the times of their measurement and weighing; without Kafka |
//! | [`producer`] | writes the simulation to two Kafka topics |
//! | [`service`] | the program's command line and endpoints |
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use fish_producer::{Config, Simulation};
//!
//! let config = Config {
//!     plan: "salmon:2,char:1".parse()?,
//!     seed: Some(7),
//!     ..Config::default()
//! };
//! let simulation = Simulation::new(&config)?;
//! let species: Vec<_> = simulation.fish().map(|fish| fish.species).collect();
//! assert_eq!(species, ["salmon", "salmon", "char"]);
//! # Ok(()) }
//! ```
//!
//! A program that embeds it calls [`FishProducer::bind`] and [`FishProducer::run`].

mod connection;
mod newest;
pub mod producer;
pub mod service;
pub mod simulation;

pub use feed::{Limit, Progress};
pub use producer::FishProducer;
pub use simulation::config::MAX_SPEED;
pub use simulation::{Config, Fish, Simulation};
