//! The records of the two machines, in the order of event time.

use std::collections::VecDeque;

use pipeline::{EventTime, Measurement, Weighing};

use super::Simulation;

/// One record of one of the two machines.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A fish was measured.
    Measured(Measurement),
    /// A fish was weighed.
    Weighed(Weighing),
}

impl Event {
    /// Its event time.
    pub fn at(&self) -> EventTime {
        match self {
            Self::Measured(measurement) => measurement.timestamp,
            Self::Weighed(weighing) => weighing.timestamp,
        }
    }

    /// The fish's id.
    pub fn fish_id(&self) -> &str {
        match self {
            Self::Measured(measurement) => &measurement.fish_id,
            Self::Weighed(weighing) => &weighing.fish_id,
        }
    }
}

/// The events of a simulation in the order of event time; endless if its plan repeats. A measurement
/// comes before a weighing at the same time.
#[derive(Debug)]
pub struct Events<'a> {
    simulation: &'a Simulation,
    next: u64,
    /// The weighings of measured fish, the next one first.
    unweighed: VecDeque<Weighing>,
}

impl<'a> Events<'a> {
    pub(super) fn new(simulation: &'a Simulation, overdue: &[Weighing]) -> Self {
        Self {
            simulation,
            next: 0,
            unweighed: overdue.iter().cloned().collect(),
        }
    }
}

impl Iterator for Events<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let due = self.unweighed.front().map(|weighing| weighing.timestamp);
        let fish = self
            .simulation
            .measured_at(self.next)
            .filter(|measured_at| due.is_none_or(|due| *measured_at <= due))
            .and_then(|_| self.simulation.fish_at(self.next));
        match fish {
            Some(fish) => {
                self.next += 1;
                self.unweighed.push_back(fish.weighing());
                Some(Event::Measured(fish.measurement()))
            }
            None => self.unweighed.pop_front().map(Event::Weighed),
        }
    }
}
