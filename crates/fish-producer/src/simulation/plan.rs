//! The plan: how many fish of which species, in which order.

use std::fmt;
use std::str::FromStr;

use super::species::Species;

/// Phases of one species each, such as `salmon:60,walleye:60,salmon:60`. In a phase `salmon*1.08:60`, the scale
/// shows 1.08 times the weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan(Vec<Phase>);

/// A number of fish of one species.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    /// Which species.
    pub species: &'static Species,
    /// What the scale shows, relative to the weight.
    pub scale: f64,
    /// How many fish, at least one.
    pub fish: u32,
}

/// Why a text is not a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It has no phase.
    #[error("the plan is empty: expected species:count, such as {}", Plan::DEFAULT)]
    Empty,
    /// Not of the form `species:count`.
    #[error("invalid phase `{0}`: expected species:count, such as {default}", default = Plan::DEFAULT)]
    Form(String),
    /// Not a species of this simulation.
    #[error("unknown species `{0}`: expected {known}; use --input for your own fish", known = Species::names())]
    Species(String),
    /// Not a factor of the scale.
    #[error("invalid factor of the scale `{0}`: expected a number from 0.1 to 10, such as 1.08")]
    Scale(String),
    /// Not a count of at least one.
    #[error("invalid number of {species} `{count}`: expected a whole number of at least 1")]
    Count {
        /// The species.
        species: String,
        /// The invalid number.
        count: String,
    },
}

impl Plan {
    /// The original's plan.
    pub const DEFAULT: &str = "salmon:60,walleye:60,salmon:60";

    /// The phases in order.
    pub fn phases(&self) -> &[Phase] {
        &self.0
    }

    /// How many fish the plan has.
    pub fn fish(&self) -> u64 {
        self.0.iter().map(|phase| u64::from(phase.fish)).sum()
    }

    /// The phase of the fish at `ordinal` (from 0) of the repeated plan.
    pub fn phase_at(&self, ordinal: u64) -> &Phase {
        let mut left = ordinal % self.fish();
        let mut last = &self.0[0];
        for phase in &self.0 {
            last = phase;
            match left.checked_sub(u64::from(phase.fish)) {
                None => break,
                Some(rest) => left = rest,
            }
        }
        last
    }
}

impl Default for Plan {
    fn default() -> Self {
        let phase = |name| {
            Species::named(name).map(|species| Phase {
                species,
                scale: 1.0,
                fish: 60,
            })
        };
        Self(
            ["salmon", "walleye", "salmon"]
                .into_iter()
                .filter_map(phase)
                .collect(),
        )
    }
}

impl FromStr for Plan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        if text.trim().is_empty() {
            return Err(PlanError::Empty);
        }
        text.split(',')
            .map(phase)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn phase(text: &str) -> Result<Phase, PlanError> {
    let (name, count) = text
        .split_once(':')
        .map(|(name, count)| (name.trim(), count.trim()))
        .ok_or_else(|| PlanError::Form(text.trim().to_owned()))?;
    let (name, scale) = match name.split_once('*') {
        None => (name, 1.0),
        Some((name, factor)) => {
            let scale = factor.trim().parse();
            let scale = scale.ok().filter(|scale| (0.1..=10.0).contains(scale));
            let scale = scale.ok_or_else(|| PlanError::Scale(factor.trim().to_owned()))?;
            (name.trim(), scale)
        }
    };
    let species = Species::named(name).ok_or_else(|| PlanError::Species(name.to_owned()))?;
    match count.parse() {
        Ok(fish @ 1..) => Ok(Phase {
            species,
            scale,
            fish,
        }),
        _ => Err(PlanError::Count {
            species: name.to_owned(),
            count: count.to_owned(),
        }),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, phase) in self.0.iter().enumerate() {
            let Phase {
                species,
                scale,
                fish,
            } = phase;
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{}", species.name)?;
            if *scale != 1.0 {
                write!(f, "*{scale}")?;
            }
            write!(f, ":{fish}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_survive_a_round_trip() {
        for text in [
            Plan::DEFAULT,
            "salmon:180",
            "char:1,walleye:4294967295",
            "salmon:60,salmon*1.08:60",
        ] {
            let plan: Plan = text.parse().expect(text);
            assert_eq!(plan.to_string(), text);
        }
        assert_eq!(Plan::default().to_string(), Plan::DEFAULT);
        let spaced: Plan = " salmon : 2 , char : 1 ".parse().expect("spaces");
        assert_eq!(spaced.to_string(), "salmon:2,char:1");
    }

    #[test]
    fn phases_repeat_after_the_last() {
        let plan: Plan = "salmon:2,walleye:1".parse().expect("a plan");
        let names: Vec<_> = (0..6).map(|n| plan.phase_at(n).species.name).collect();
        assert_eq!(
            names,
            ["salmon", "salmon", "walleye", "salmon", "salmon", "walleye"]
        );
        assert_eq!(plan.fish(), 3);
    }

    #[test]
    fn invalid_plans_are_rejected_with_what_to_write() {
        for (text, expected) in [
            ("", "the plan is empty: expected species:count"),
            ("salmon", "invalid phase `salmon`: expected species:count"),
            ("salmon:60,", "invalid phase ``"),
            (
                "trout:60",
                "unknown species `trout`: expected salmon, walleye, char",
            ),
            ("Salmon:60", "unknown species `Salmon`"),
            (
                "salmon*0:60",
                "invalid factor of the scale `0`: expected a number from 0.1 to 10",
            ),
            ("salmon*x:60", "invalid factor of the scale `x`"),
            ("salmon:0", "invalid number of salmon `0`"),
            ("salmon:-1", "invalid number of salmon `-1`"),
            (
                "salmon:many",
                "`many`: expected a whole number of at least 1",
            ),
        ] {
            let error = text.parse::<Plan>().expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
