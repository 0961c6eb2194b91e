//! The proof on a real Kafka broker: whatever goes wrong, nothing is lost and order is kept.
//!
//! Needs `KAFKA_BOOTSTRAP_SERVERS`; the broker's outage also `KAFKA_STOP` and `KAFKA_START`, the
//! shell commands that stop and start it. `CAMPAIGN_ROUNDS` says how often things go wrong in
//! each scenario (default 4). Each scenario prints its figures.

mod audit;
mod cluster;
mod instance;
mod load;

mod broker_outage;
mod kills;
mod membership;
mod model_outages;
mod poison;

use std::time::Duration;

use rand::RngExt;

/// How often things go wrong in each scenario.
fn rounds() -> usize {
    match std::env::var("CAMPAIGN_ROUNDS") {
        Ok(text) => text.parse().expect("CAMPAIGN_ROUNDS is a number"),
        Err(_) => 4,
    }
}

/// A moment of chance, for there is nothing to wait for.
async fn random_moment(most: Duration) {
    let moment = rand::rng().random_range(Duration::ZERO..most);
    tokio::time::sleep(moment).await;
}
