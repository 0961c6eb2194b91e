//! What the two machines write, merged in the order of event time.

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
    /// When it happens.
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

/// The events of a simulation; endless where its plan is repeated.
///
/// Never goes back in event time; where a measurement and a weighing fall together, the
/// measurement comes first.
#[derive(Debug)]
pub struct Events<'a> {
    simulation: &'a Simulation,
    next: u64,
    /// Measured and not yet weighed, the next to be weighed at the front.
    on_the_belt: VecDeque<Weighing>,
}

impl<'a> Events<'a> {
    pub(super) fn new(simulation: &'a Simulation, overdue: &[Weighing]) -> Self {
        Self {
            simulation,
            next: 0,
            on_the_belt: overdue.iter().cloned().collect(),
        }
    }
}

impl Iterator for Events<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let due = self.on_the_belt.front().map(|weighing| weighing.timestamp);
        let fish = self
            .simulation
            .measured_at(self.next)
            .filter(|measured_at| due.is_none_or(|due| *measured_at <= due))
            .and_then(|_| self.simulation.fish_at(self.next));
        match fish {
            Some(fish) => {
                self.next += 1;
                self.on_the_belt.push_back(fish.weighing());
                Some(Event::Measured(fish.measurement()))
            }
            None => self.on_the_belt.pop_front().map(Event::Weighed),
        }
    }
}
