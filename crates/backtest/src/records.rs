//! The records of a pipeline in the order of event time: rows of a file, or simulated fish.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use feed::Outgoing;
use fish_producer::Simulation;
use fish_producer::producer::outgoing;
use fish_producer::simulation::Plan;
use pipeline::EventTime;
use pipeline_folder::Folder;
use service_runtime::UsageError;

/// When the first record is measured unless the file says it: at second 20 of a minute, as in the demo.
pub(crate) const START: &str = "2021-06-09T13:39:20.000Z";

/// The seeds of simulated series: `1..200`, both included, or one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    first: u64,
    last: u64,
}

impl Default for Seeds {
    /// 1 to 200.
    fn default() -> Self {
        Self {
            first: 1,
            last: 200,
        }
    }
}

impl Seeds {
    /// How many.
    pub fn count(self) -> u64 {
        self.last - self.first + 1
    }
}

impl std::fmt::Display for Seeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.first, self.last)
    }
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a range of seeds; expected FIRST..LAST, such as 1..200, of at most 100000 seeds"
            )
        };
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        let (first, last) = match text.split_once("..") {
            Some((first, last)) => (number(first)?, number(last.trim_start_matches('='))?),
            None => (number(text)?, number(text)?),
        };
        let seeds = Self {
            first: first.into(),
            last: last.into(),
        };
        match last >= first && seeds.count() <= 100_000 {
            true => Ok(seeds),
            false => Err(wrong()),
        }
    }
}

/// Records of a running pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Where they come from.
    pub source: String,
    /// The records of the first two topics.
    pub records: Vec<Outgoing>,
}

impl Recorded {
    /// In the order of event time; what is measured comes before what becomes known at the same time.
    pub fn new(source: String, mut records: Vec<Outgoing>) -> Self {
        records.sort_by_key(|record| (record.at.as_millis(), record.kind));
        Self { source, records }
    }
}

/// Where the records come from.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// Records that are read already.
    Recorded(Arc<Recorded>),
    /// The rows of a file, or of the folder's own.
    Rows {
        /// The file; `None` for the folder's.
        file: Option<PathBuf>,
        /// When the first row is measured, unless the file says it.
        start: EventTime,
    },
    /// A series for each seed.
    Simulated {
        /// The fish.
        plan: Plan,
        /// The seeds.
        seeds: Seeds,
        /// The share of fish that are weighed wrong.
        misweighed: f64,
        /// When the first fish of the first seed is measured.
        start: EventTime,
        /// The starts of the seeds are spread evenly over this time.
        spread: Duration,
    },
}

impl Input {
    /// How many series there are.
    pub(crate) fn series(&self) -> u64 {
        match self {
            Self::Recorded(_) | Self::Rows { .. } => 1,
            Self::Simulated { seeds, .. } => seeds.count(),
        }
    }

    /// Passes the records of a series, from 0, to `each`.
    ///
    /// # Errors
    /// The file cannot be used, or the first error of `each`.
    pub(crate) fn for_each(
        &self,
        folder: &Folder,
        series: u64,
        mut each: impl FnMut(&Outgoing) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Recorded(recorded) => {
                for record in &recorded.records {
                    each(record)?;
                }
            }
            Self::Rows { file, start } => {
                let schedule = feed::feeder::schedule(folder, file.as_deref())?;
                let start = schedule.file_start().unwrap_or(*start);
                for record in schedule.records(start)? {
                    each(&record?)?;
                }
            }
            Self::Simulated {
                plan,
                seeds,
                misweighed,
                start,
                spread,
            } => {
                let shift = u128::from(series) * spread.as_millis() / u128::from(seeds.count());
                let shift = Duration::from_millis(u64::try_from(shift).unwrap_or(u64::MAX));
                let config = fish_producer::Config {
                    plan: plan.clone(),
                    misweighed: *misweighed,
                    seed: Some(seeds.first + series),
                    start_time: Some(start.after(shift)),
                    ..fish_producer::Config::default()
                };
                let simulation =
                    Simulation::new(&config).map_err(|error| UsageError(error.to_string()))?;
                for event in simulation.events() {
                    each(&outgoing(event)?)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_or_a_number() {
        assert_eq!("1..200".parse(), Ok(Seeds::default()));
        assert_eq!("7".parse::<Seeds>().map(Seeds::count), Ok(1));
        for wrong in ["", "1..", "3..2", "-1..2", "a..b", "0..100000"] {
            let error = wrong.parse::<Seeds>().unwrap_err();
            assert!(error.contains("such as 1..200"), "{wrong}: {error}");
        }
    }
}
