//! One fish with everything that will be seen of it.

use pipeline::{EventTime, Measurement, Weighing};

/// A fish of the simulation: what the two machines see of it, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Fish {
    /// Its id, the key of its records: a decimal number where it is simulated.
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
    /// What the first machine writes.
    pub fn measurement(&self) -> Measurement {
        Measurement {
            fish_id: self.id.clone(),
            species: self.species.clone(),
            length_cm: self.length_cm,
            height_cm: self.height_cm,
            timestamp: self.measured_at,
        }
    }

    /// What the second machine writes.
    pub fn weighing(&self) -> Weighing {
        Weighing {
            fish_id: self.id.clone(),
            species: self.species.clone(),
            weight_kg: self.weight_kg,
            timestamp: self.weighed_at,
        }
    }
}
