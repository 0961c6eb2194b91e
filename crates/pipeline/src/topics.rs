//! The names of the pipeline's topics.

/// Measurements, written by the fish producer.
pub const MACHINE_MEASUREMENT: &str = "machine-measurement";
/// Weighings, written by the fish producer.
pub const MACHINE_WEIGHT: &str = "machine-weight";
/// Measurements with their predictions, written by the predictor.
pub const WEIGHT_PREDICTION: &str = "weight-prediction";
/// Predicted and actual weights with their relative error, written by the SQL's join.
pub const WEIGHT_DIFF: &str = "weight-diff";
/// Retrain triggers: model versions whose mean error passed the threshold, written by the SQL's window.
pub const WEIGHT_RETRAIN: &str = "weight-retrain";

/// The topics written by the project's services; the SQL creates the others.
pub const WRITTEN_BY_SERVICES: [&str; 3] = [MACHINE_MEASUREMENT, MACHINE_WEIGHT, WEIGHT_PREDICTION];

/// Every topic of the pipeline, in the order in which a fish passes them.
pub const ALL: [&str; 5] = [
    MACHINE_MEASUREMENT,
    MACHINE_WEIGHT,
    WEIGHT_PREDICTION,
    WEIGHT_DIFF,
    WEIGHT_RETRAIN,
];

/// The suffix of dead-letter topics.
const DEAD_LETTERS: &str = "-dlq";

/// The dead-letter topic of a topic: `<topic>-dlq`.
pub fn dead_letters_of(topic: &str) -> String {
    format!("{topic}{DEAD_LETTERS}")
}

/// Whether a topic is a dead-letter topic.
pub fn is_dead_letters(topic: &str) -> bool {
    topic.ends_with(DEAD_LETTERS)
}
