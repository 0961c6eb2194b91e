//! One fish with its measures and times.

use pipeline::{EventTime, Measurement, Weighing};

/// A fish of the simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Fish {
    /// Its id, the key of its records; a simulated fish has a decimal number.
    pub id: String,
    /// Its species.
    pub species: String,
    /// Length in centimetres.
    pub length_cm: f64,
    /// Height in centimetres.
    pub height_cm: f64,
    /// Weight in kilograms.
    pub weight_kg: f64,
    /// When it is measured.
    pub measured_at: EventTime,
    /// When it is weighed.
    pub weighed_at: EventTime,
}

impl Fish {
    /// The record of the first machine.
    pub fn measurement(&self) -> Measurement {
        Measurement {
            fish_id: self.id.clone(),
            species: self.species.clone(),
            length_cm: self.length_cm,
            height_cm: self.height_cm,
            timestamp: self.measured_at,
        }
    }

    /// The record of the second machine.
    pub fn weighing(&self) -> Weighing {
        Weighing {
            fish_id: self.id.clone(),
            species: self.species.clone(),
            weight_kg: self.weight_kg,
            timestamp: self.weighed_at,
        }
    }
}
