//! Phases: stretches of consecutive fish of one species.

use crate::ledger::Fish;
use crate::report::{FishRow, Phase};

/// What a phase needs of a fish.
pub(crate) trait PhaseFish {
    fn id(&self) -> &str;
    fn species(&self) -> &str;
    fn error(&self) -> Option<f64>;
    fn model_version(&self) -> Option<&str>;
}

impl PhaseFish for Fish {
    fn id(&self) -> &str {
        self.id()
    }

    fn species(&self) -> &str {
        self.species().unwrap_or_default()
    }

    fn error(&self) -> Option<f64> {
        self.error()
    }

    fn model_version(&self) -> Option<&str> {
        self.model_version()
    }
}

impl PhaseFish for FishRow {
    fn id(&self) -> &str {
        &self.id
    }

    fn species(&self) -> &str {
        &self.species
    }

    fn error(&self) -> Option<f64> {
        self.error
    }

    fn model_version(&self) -> Option<&str> {
        self.model_version.as_deref()
    }
}

/// The phases of fish in order of measurement.
pub(crate) fn phases<'a, F: PhaseFish + 'a>(fish: impl Iterator<Item = &'a F>) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    let (mut sum, mut joined) = (0.0, 0.0);
    for one in fish {
        if phases
            .last()
            .is_none_or(|phase| phase.species != one.species())
        {
            (sum, joined) = (0.0, 0.0);
            phases.push(Phase {
                species: one.species().to_owned(),
                first_fish: one.id().to_owned(),
                last_fish: String::new(),
                fish: 0,
                mean_error: None,
                model_versions: Vec::new(),
            });
        }
        let Some(phase) = phases.last_mut() else {
            continue;
        };
        phase.fish += 1;
        one.id().clone_into(&mut phase.last_fish);
        if let Some(error) = one.error() {
            (sum, joined) = (sum + error, joined + 1.0);
            phase.mean_error = Some(sum / joined);
        }
        if let Some(version) = one.model_version()
            && !phase.model_versions.iter().any(|known| known == version)
        {
            phase.model_versions.push(version.to_owned());
        }
    }
    phases
}
