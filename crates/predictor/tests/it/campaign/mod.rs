//! Fault injection on a real Kafka broker: nothing is lost and order is kept.
//!
//! Needs `KAFKA_BOOTSTRAP_SERVERS`; the broker outage also needs `KAFKA_STOP` and `KAFKA_START`, the
//! shell commands that stop and start it. `CAMPAIGN_ROUNDS` is the number of faults in each
//! scenario (default 4). Each scenario prints its counts.

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

/// The number of faults in each scenario.
fn rounds() -> usize {
    match std::env::var("CAMPAIGN_ROUNDS") {
        Ok(text) => text.parse().expect("CAMPAIGN_ROUNDS is a number"),
        Err(_) => 4,
    }
}

/// A random pause, so that faults occur in any state.
async fn random_pause(most: Duration) {
    let pause = rand::rng().random_range(Duration::ZERO..most);
    tokio::time::sleep(pause).await;
}
