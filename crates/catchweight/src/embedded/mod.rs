//! Broker, services, SQL and connectors of the pipeline in this process.

mod broker;

pub use broker::EmbeddedBroker;
