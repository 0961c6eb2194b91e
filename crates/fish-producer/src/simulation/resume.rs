//! Continuing after the records that earlier runs left on the topics.
//!
//! - Ids continue after the greatest one, event times after the newest.
//! - A repeated plan continues where it stopped: after fish 70 comes fish 71 of the plan, at the same
//!   position in its window. With the same seed it is the same fish as without the interruption.
//! - A finite plan starts again at second 20 of a minute, because the records do not show their plan.
//! - A file continues after the newest of its fish that is among the newest records.
//! - A measured but unweighed fish is weighed immediately, at the event time when it was due, because the
//!   join pairs the two records by event time. Its weight is from the file, or drawn for its length
//!   and height. With the seed of a repeated plan it is the original weight.

use std::time::Duration;

use feed::clock;
use pipeline::{EventTime, Measurement, Weighing};

use super::species::{Species, randomness, shown};
use super::{Past, Simulation, SimulationError, Source};

impl Simulation {
    /// This simulation as it continues after `past`; unchanged if the topics are empty and the plan is
    /// finite. `now` is the wall clock time.
    ///
    /// # Errors
    /// If the user's start is not after the newest event, or the plan would end so far ahead of the
    /// clock that brokers reject its records.
    pub fn after(mut self, past: &Past, now: EventTime) -> Result<Self, SimulationError> {
        self.first_id = past.newest_id + 1;
        self.skipped = match &self.source {
            Source::Plan { repeat, .. } => u64::from(*repeat) * past.newest_id,
            Source::File(fish) => fish
                .iter()
                .rposition(|fish| past.measured_ids.contains(&fish.id))
                .map_or(0, |newest| newest as u64 + 1),
        };
        let endless = self.count().is_none();
        match past.newest_event {
            None if endless && !self.start_is_set => {
                self.start = clock::start(now, self.span(), self.speed);
            }
            None => {}
            Some(newest) if endless => {
                let newest_measured = past.newest_measured.unwrap_or(newest);
                self.start = clock::resumed(newest_measured.after(self.interval), now);
                // The user set the start of the first run.
                self.start_is_set = false;
            }
            Some(newest) if self.start_is_set && self.start <= newest => {
                let start = self.start;
                return Err(SimulationError::StartInThePast { start, newest });
            }
            Some(_) if self.start_is_set => {}
            Some(newest) => {
                let start = clock::start(now, self.span(), self.speed);
                self.start = start.max(clock::mark_after(newest));
            }
        }
        if let (Some(newest), false) = (past.newest_event, self.start_is_set) {
            self.check_not_ahead(newest, now)?;
        }
        self.overdue = past
            .unweighed
            .iter()
            .filter_map(|fish| self.weigh_late(fish))
            .collect();
        Ok(self)
    }

    /// How long to wait for the time of the first fish. Only a run at the speed of the clock waits, and
    /// only if the user did not set its start.
    pub fn lead(&self, now: EventTime) -> Duration {
        if self.start_is_set || self.speed > 1.0 {
            return Duration::ZERO;
        }
        clock::since(self.start, now)
    }

    /// Overdue weighings of earlier runs. Fish that do not belong to this simulation have none.
    pub fn overdue(&self) -> &[Weighing] {
        &self.overdue
    }

    fn check_not_ahead(&self, newest: EventTime, now: EventTime) -> Result<(), SimulationError> {
        let ends = self.start.after(self.span());
        let ends_by_clock = now.after(self.span().div_f64(self.speed));
        let ahead = clock::since(ends, ends_by_clock);
        if ahead > clock::MAX_AHEAD {
            let minutes = ahead.as_secs() / 60;
            return Err(SimulationError::AheadOfTheClock { newest, minutes });
        }
        Ok(())
    }

    fn weigh_late(&self, fish: &Measurement) -> Option<Weighing> {
        let weight_kg = match &self.source {
            Source::Plan {
                plan, misweighed, ..
            } => {
                let ordinal = fish.fish_id.parse::<u64>().ok()?.checked_sub(1)?;
                let species = Species::named(&fish.species)?;
                let mut rng = randomness(self.seed, ordinal);
                let drawn = species.draw(&mut rng);
                let weight_kg =
                    if (drawn.length_cm, drawn.height_cm) == (fish.length_cm, fish.height_cm) {
                        drawn.weight_kg
                    } else {
                        species.weigh(fish.length_cm, fish.height_cm, &mut rng)
                    };
                shown(
                    weight_kg,
                    plan.phase_at(ordinal).scale,
                    *misweighed,
                    &mut rng,
                )
            }
            Source::File(own) => own.iter().find(|own| own.id == fish.fish_id)?.weight_kg,
        };
        Some(Weighing {
            fish_id: fish.fish_id.clone(),
            species: fish.species.clone(),
            weight_kg,
            timestamp: fish.timestamp.after(self.weigh_delay),
        })
    }
}
