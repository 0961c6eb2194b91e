//! The names of the pipeline's topics.

/// What the first machine writes: a fish was measured.
pub const MACHINE_MEASUREMENT: &str = "machine-measurement";
/// What the second machine writes: a fish was weighed.
pub const MACHINE_WEIGHT: &str = "machine-weight";
/// What the predictor writes: the measurement with a prediction put in.
pub const WEIGHT_PREDICTION: &str = "weight-prediction";
/// What the SQL's join writes: predicted and actual weight with their relative error.
pub const WEIGHT_DIFF: &str = "weight-diff";
/// What the SQL's window writes: a model version whose mean error passed the threshold.
pub const WEIGHT_RETRAIN: &str = "weight-retrain";

/// The topics that the project's own services write; the SQL's outputs are made by the SQL.
pub const WRITTEN_BY_SERVICES: [&str; 3] = [MACHINE_MEASUREMENT, MACHINE_WEIGHT, WEIGHT_PREDICTION];

/// Every topic of the pipeline, in the order in which a fish passes through them.
pub const ALL: [&str; 5] = [
    MACHINE_MEASUREMENT,
    MACHINE_WEIGHT,
    WEIGHT_PREDICTION,
    WEIGHT_DIFF,
    WEIGHT_RETRAIN,
];

/// What the name of a dead-letter topic ends with.
const DEAD_LETTERS: &str = "-dlq";

/// The dead-letter topic of a topic: `<topic>-dlq`.
pub fn dead_letters_of(topic: &str) -> String {
    format!("{topic}{DEAD_LETTERS}")
}

/// Whether a topic is the dead-letter topic of another.
pub fn is_dead_letters(topic: &str) -> bool {
    topic.ends_with(DEAD_LETTERS)
}
