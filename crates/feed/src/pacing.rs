//! The wall clock time of an event.

use std::time::Duration;

use pipeline::EventTime;
use tokio::time::Instant;

use crate::clock;

/// A linear mapping from event time to the wall clock. A late event does not delay later ones, unless it had to
/// wait for the pipeline.
#[derive(Clone, Copy, Debug)]
pub struct Pacing {
    origin: Instant,
    start: EventTime,
    speed: f64,
}

impl Pacing {
    /// Event time `start` is at `origin`; event time runs `speed` times as fast as the wall clock.
    pub fn new(origin: Instant, start: EventTime, speed: f64) -> Self {
        Self {
            origin,
            start,
            speed,
        }
    }

    /// Moves all events that are not due yet: those after an event that had to wait.
    pub(crate) fn delay(&mut self, by: Duration) {
        self.origin += by;
    }

    /// When the event at `at` is due. An event before the start may be overdue.
    pub fn due(&self, at: EventTime) -> Instant {
        let after = clock::since(at, self.start).div_f64(self.speed);
        let before = clock::since(self.start, at).div_f64(self.speed);
        // An `Instant` may not reach back before the boot of the machine.
        (self.origin + after)
            .checked_sub(before)
            .unwrap_or_else(Instant::now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mapping_is_linear_and_does_not_drift() {
        let (origin, start) = (Instant::now(), EventTime::now());
        let pacing = Pacing::new(origin, start, 20.0);
        let due = |s| pacing.due(start.after(Duration::from_secs(s))) - origin;
        assert_eq!(due(0), Duration::ZERO);
        assert_eq!(due(2), Duration::from_millis(100));
        assert_eq!(due(2_000_000), Duration::from_secs(100_000));
        let mut delayed = pacing;
        delayed.delay(Duration::from_secs(3));
        let at = start.after(Duration::from_secs(2));
        assert_eq!(delayed.due(at) - origin, Duration::from_millis(3_100));
        let earlier = pacing.due(start.before(Duration::from_secs(2)));
        assert_eq!(origin - earlier, Duration::from_millis(100));
        assert!(pacing.due(start.before(Duration::from_secs(10_000_000_000))) <= Instant::now());
    }
}
