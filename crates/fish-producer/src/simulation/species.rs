//! The simulated species: normal length and height, linear weight with a normal error.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// Mean and standard deviation of a normal distribution.
#[derive(Debug, PartialEq)]
struct Normal {
    mean: f64,
    sd: f64,
}

/// The distribution of one species.
#[derive(Debug, PartialEq)]
pub struct Species {
    /// Its name on the wire and in a plan.
    pub name: &'static str,
    length_cm: Normal,
    height_cm: Normal,
    kg_per_cm_of_length: f64,
    kg_per_cm_of_height: f64,
}

/// All species. To add a species, add an entry.
///
/// Salmon and walleye are the original's. Char have similar lengths and are much heavier: a model
/// trained on the other two, without the species, has an error of about a half.
pub static SPECIES: [Species; 3] = [
    Species {
        name: "salmon",
        length_cm: Normal {
            mean: 88.0,
            sd: 5.0,
        },
        height_cm: Normal {
            mean: 19.0,
            sd: 1.0,
        },
        kg_per_cm_of_length: 0.05,
        kg_per_cm_of_height: 0.01,
    },
    Species {
        name: "walleye",
        length_cm: Normal {
            mean: 81.0,
            sd: 8.0,
        },
        height_cm: Normal {
            mean: 17.0,
            sd: 2.0,
        },
        kg_per_cm_of_length: 0.02,
        kg_per_cm_of_height: 0.04,
    },
    Species {
        name: "char",
        length_cm: Normal {
            mean: 82.0,
            sd: 5.0,
        },
        height_cm: Normal {
            mean: 18.0,
            sd: 1.0,
        },
        kg_per_cm_of_length: 0.07,
        kg_per_cm_of_height: 0.06,
    },
];

const ERROR_KG: Normal = Normal { mean: 0.0, sd: 0.1 };

/// The measures of one simulated fish, all positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Specimen {
    /// Length in centimetres, three decimals.
    pub length_cm: f64,
    /// Height in centimetres, three decimals.
    pub height_cm: f64,
    /// Weight in kilograms, five decimals.
    pub weight_kg: f64,
}

impl Species {
    /// The species with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SPECIES.iter().find(|species| species.name == name)
    }

    /// The names of all species, for error messages.
    pub fn names() -> String {
        SPECIES.each_ref().map(|species| species.name).join(", ")
    }

    /// Draws a fish. Repeats the draw if a measure is not positive, which for these species happens less
    /// than once in 10^14 fish.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Specimen {
        loop {
            let length_cm = rounded(self.length_cm.draw(rng), 1e3);
            let height_cm = rounded(self.height_cm.draw(rng), 1e3);
            let weight_kg = self.weight(length_cm, height_cm, rng);
            if length_cm > 0.0 && height_cm > 0.0 && weight_kg > 0.0 {
                return Specimen {
                    length_cm,
                    height_cm,
                    weight_kg,
                };
            }
        }
    }

    /// Draws the weight of a measured fish in kilograms, positive.
    pub fn weigh(&self, length_cm: f64, height_cm: f64, rng: &mut ChaCha8Rng) -> f64 {
        loop {
            let weight_kg = self.weight(length_cm, height_cm, rng);
            if weight_kg > 0.0 {
                return weight_kg;
            }
        }
    }

    fn weight(&self, length_cm: f64, height_cm: f64, rng: &mut ChaCha8Rng) -> f64 {
        let error_kg = rounded(ERROR_KG.draw(rng), 1e3);
        let mean_kg = self.kg_per_cm_of_length * length_cm + self.kg_per_cm_of_height * height_cm;
        // Five decimals are exact: thousandths of a centimetre times hundredths of a kilogram.
        rounded(mean_kg + error_kg, 1e5)
    }
}

impl Normal {
    fn draw(&self, rng: &mut ChaCha8Rng) -> f64 {
        let z: f64 = StandardNormal.sample(rng);
        self.mean + self.sd * z
    }
}

/// What the scale shows: `scale` times the weight, and for a share of the fish half or twice that.
pub(crate) fn shown(weight_kg: f64, scale: f64, misweighed: f64, rng: &mut ChaCha8Rng) -> f64 {
    let mut shown_kg = weight_kg * scale;
    if rng.random_bool(misweighed) {
        shown_kg *= if rng.random() { 2.0 } else { 0.5 };
    }
    rounded(shown_kg, 1e5)
}

fn rounded(number: f64, scale: f64) -> f64 {
    (number * scale).round() / scale
}

/// The random numbers of one fish. Each fish has its own ChaCha stream of the seed, so it does not depend
/// on previous fish.
pub fn randomness(seed: u64, ordinal: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(ordinal);
    rng
}
