//! The fish and the clock, without Kafka. Pure, except for reading the user's file.
//!
//! | module | contents |
//! |---|---|
//! | [`config`] | the settings: flags and environment variables |
//! | [`species`] | the species and the random numbers of a fish |
//! | [`plan`] | how many fish of which species, in which order |
//! | [`input`] | the user's fish from a CSV file |
//! | [`fish`] | one fish with its measures and times |
//! | [`events`] | the records of the two machines, in the order of event time |
//! | [`past`] | the records that earlier runs left on the topics |
//! | [`resume`] | continuing after them |
//!
//! The same seed gives the same fish on every machine: ChaCha is portable, each fish has its own
//! stream, and measures are rounded.

pub mod config;
pub mod events;
pub mod fish;
pub mod input;
pub mod past;
pub mod plan;
pub mod resume;
pub mod species;

use std::time::Duration;

use feed::clock;
use pipeline::{EventTime, Weighing};

pub use config::Config;
pub use events::{Event, Events};
pub use fish::Fish;
pub use input::{InputError, InputFish};
pub use past::Past;
pub use plan::{Plan, PlanError};

use config::{checked_interval, checked_share, checked_speed, checked_start};

/// Why the settings are rejected.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The user's file is invalid.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A setting is out of its range.
    #[error("{flag} {reason}")]
    Setting {
        /// The flag.
        flag: &'static str,
        /// What it must be.
        reason: String,
    },
    /// The start is before the newest event.
    #[error(
        "--start-time {start} is not after {newest}, the newest event on the topics; set a later time or omit it"
    )]
    StartInThePast {
        /// The setting.
        start: EventTime,
        /// The newest event.
        newest: EventTime,
    },
    /// The plan would end so far ahead of the clock that brokers reject its records.
    #[error(
        "the newest event on the topics is at {newest}: this plan would end {minutes} minutes ahead of the clock, and brokers would reject it; wait, use a shorter plan, or set --start-time"
    )]
    AheadOfTheClock {
        /// The newest event.
        newest: EventTime,
        /// How far ahead.
        minutes: u64,
    },
}

/// The fish of one run and their times.
#[derive(Clone, Debug)]
pub struct Simulation {
    source: Source,
    seed: u64,
    interval: Duration,
    weigh_delay: Duration,
    speed: f64,
    /// The user set the start.
    start_is_set: bool,
    /// When this run's first fish is measured.
    start: EventTime,
    /// The id of this run's first simulated fish.
    first_id: u64,
    /// How many fish of the source come before this run's first.
    skipped: u64,
    /// Overdue weighings of earlier runs, in the order of their time.
    overdue: Vec<Weighing>,
}

/// Where the fish come from.
#[derive(Clone, Debug)]
enum Source {
    /// A plan, once or repeated forever.
    Plan {
        plan: Plan,
        repeat: bool,
        /// Share of fish that are weighed wrong.
        misweighed: f64,
    },
    /// The user's file.
    File(Vec<InputFish>),
}

impl Simulation {
    /// The simulation for empty topics. The default start depends on the wall clock, the default seed is
    /// random.
    ///
    /// # Errors
    /// If the file of fish is invalid or a setting is out of range.
    pub fn new(config: &Config) -> Result<Self, SimulationError> {
        let setting = |flag| move |reason| SimulationError::Setting { flag, reason };
        let speed = checked_speed(config.speed.unwrap_or(1.0)).map_err(setting("--speed"))?;
        if config.repeat && speed > 1.0 {
            let reason = "needs --speed 1: a faster endless stream would run ahead of the clock";
            return Err(setting("--repeat")(reason.into()));
        }
        let source = match &config.input {
            Some(path) => Source::File(input::read(path)?),
            None => Source::Plan {
                plan: config.plan.clone(),
                repeat: config.repeat,
                misweighed: checked_share(config.misweighed).map_err(setting("--misweighed"))?,
            },
        };
        let mut simulation = Self {
            source,
            // 32 bits are easier to type.
            seed: config
                .seed
                .unwrap_or_else(|| u64::from(rand::random::<u32>())),
            interval: checked_interval(config.interval).map_err(setting("--interval"))?,
            weigh_delay: config.weigh_delay,
            speed,
            start_is_set: config.start_time.is_some(),
            start: EventTime::now(),
            first_id: 1,
            skipped: 0,
            overdue: Vec::new(),
        };
        simulation.start = match config.start_time {
            Some(start) => checked_start(start).map_err(setting("--start-time"))?,
            None => clock::start(simulation.start, simulation.span(), speed),
        };
        Ok(simulation)
    }

    /// The seed, to repeat this run's fish. A file has none.
    pub fn seed(&self) -> Option<u64> {
        matches!(self.source, Source::Plan { .. }).then_some(self.seed)
    }

    /// When the first fish is measured.
    pub fn start(&self) -> EventTime {
        self.start
    }

    /// How many seconds of event time pass in a second of the wall clock.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// The number of fish of this run; `None` if the plan repeats.
    pub fn count(&self) -> Option<u64> {
        match &self.source {
            Source::Plan { repeat: true, .. } => None,
            Source::Plan { plan, .. } => Some(plan.fish()),
            Source::File(fish) => Some((fish.len() as u64).saturating_sub(self.skipped)),
        }
    }

    /// The fish in order; endless if the plan repeats (see [`Self::count`]).
    pub fn fish(&self) -> impl Iterator<Item = Fish> + '_ {
        self.fish_from(0)
    }

    /// The fish from number `n` (from 0) on.
    pub fn fish_from(&self, n: u64) -> impl Iterator<Item = Fish> + '_ {
        (n..).map_while(|n| self.fish_at(n))
    }

    /// The records of the machines in the order of event time, after the overdue ones of earlier runs.
    pub fn events(&self) -> Events<'_> {
        Events::new(self, &self.overdue)
    }

    /// Maximum number of fish that are measured but not weighed at the same time.
    pub fn max_unweighed(&self) -> u64 {
        let fish = self.weigh_delay.as_nanos() / self.interval.as_nanos().max(1);
        u64::try_from(fish).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// When the fish `n` (from 0) of this run is measured; `None` after the last.
    fn measured_at(&self, n: u64) -> Option<EventTime> {
        let runs = self.count().is_none_or(|count| n < count);
        runs.then(|| self.start.after(times(self.interval, n)))
    }

    /// The fish `n` (from 0) of this run; `None` after the last.
    fn fish_at(&self, n: u64) -> Option<Fish> {
        let measured_at = self.measured_at(n)?;
        let weighed_at = measured_at.after(self.weigh_delay);
        let ordinal = self.skipped + n;
        Some(match &self.source {
            Source::Plan {
                plan, misweighed, ..
            } => {
                let phase = plan.phase_at(ordinal);
                let species = phase.species;
                let mut rng = species::randomness(self.seed, ordinal);
                let drawn = species.draw(&mut rng);
                let shown = species::shown(drawn.weight_kg, phase.scale, *misweighed, &mut rng);
                Fish {
                    id: (self.first_id + n).to_string(),
                    species: species.name.to_owned(),
                    length_cm: drawn.length_cm,
                    height_cm: drawn.height_cm,
                    weight_kg: shown,
                    measured_at,
                    weighed_at,
                }
            }
            Source::File(fish) => {
                let own = fish.get(usize::try_from(ordinal).ok()?)?.clone();
                Fish {
                    id: own.id,
                    species: own.species,
                    length_cm: own.length_cm,
                    height_cm: own.height_cm,
                    weight_kg: own.weight_kg,
                    measured_at,
                    weighed_at,
                }
            }
        })
    }

    /// Event time from the first measurement to the last weighing; zero if the plan repeats.
    pub fn span(&self) -> Duration {
        match self.count() {
            Some(count @ 1..) => times(self.interval, count - 1).saturating_add(self.weigh_delay),
            _ => Duration::ZERO,
        }
    }
}

/// `n` times `interval`, to the millisecond.
fn times(interval: Duration, n: u64) -> Duration {
    let millis = interval.as_millis().saturating_mul(u128::from(n));
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
