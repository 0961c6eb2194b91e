//! What the suite's Kafka clients share. It knows no fish.
//!
//! | module | what is in it |
//! |---|---|
//! | [`settings`] | the broker's address and any librdkafka property, as flags and as client configurations |

pub mod settings;

pub use settings::{KafkaProperty, KafkaSettings, PropertyError};
