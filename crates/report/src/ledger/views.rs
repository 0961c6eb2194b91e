//! The fish of a ledger: counts, selections and copies.

use pipeline::EventTime;

use super::counts::{Counts, Passed, StepCounts};
use super::{Fish, Ledger, Selection};

impl Ledger {
    /// How many fish a [bounded](Self::bounded) ledger has evicted.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many fish passed each step, without evicted ones.
    pub fn steps(&self) -> StepCounts {
        self.counts.progress()
    }

    /// How many fish passed each step, as if evicted ones had passed all.
    pub fn all_steps(&self) -> StepCounts {
        let (steps, evicted) = (self.steps(), self.evicted());
        StepCounts {
            measured: steps.measured + evicted,
            predicted: steps.predicted + evicted,
            weighed: steps.weighed + evicted,
            joined: steps.joined + evicted,
            stored: steps.stored + evicted,
        }
    }

    /// From now on, [`steps`](Self::steps) and [`pending`](Self::pending) count only fish that were first
    /// seen until this time.
    pub fn count_until(&mut self, until: Option<EventTime>) {
        self.until = until;
        self.counts = Counts::default();
        for fish in &self.fish {
            self.counts.add(Passed::by(fish, until));
        }
    }

    /// How many fish were first seen after the time of [`count_until`](Self::count_until).
    pub fn late(&self) -> u64 {
        self.counts.late()
    }

    /// How many fish are not joined yet, by the first step they miss: `3 fish not predicted`. Planned
    /// fish that were not measured yet are counted too; if as many fish as planned are joined, no other
    /// fish is awaited.
    pub fn pending(&self, planned: Option<u64>) -> Vec<String> {
        if planned.is_some_and(|planned| planned <= self.steps().joined) {
            return Vec::new();
        }
        let missed = self.counts.pending(planned).into_iter();
        missed
            .filter(|(count, _)| *count > 0)
            .map(|(count, step)| format!("{count} fish not {step}"))
            .collect()
    }

    /// The fish with this id.
    pub fn get(&self, id: &str) -> Option<&Fish> {
        self.at(*self.by_id.get(id)?)
    }

    /// Every fish seen on any topic, in [order of measurement](Fish::by_measurement).
    pub fn fish(&self) -> Vec<&Fish> {
        self.selected(&Selection::default())
    }

    /// The selected fish, in [order of measurement](Fish::by_measurement).
    pub fn selected(&self, selection: &Selection) -> Vec<&Fish> {
        let fish = self.fish.iter();
        let mut fish: Vec<_> = fish.filter(|one| selection.includes(one)).collect();
        fish.sort_by(|one, other| one.by_measurement(other));
        fish
    }

    /// The fish that arrived last, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Fish> {
        self.fish.iter().rev()
    }

    /// A copy with only the newest `fish` fish, and as many triggers and dead-letter keys.
    #[must_use]
    pub fn newest(&self, fish: usize) -> Self {
        let surplus = self.fish.len().saturating_sub(fish);
        let evicted = self.evicted + surplus as u64;
        let mut newest = Self {
            fish: self.fish.range(surplus..).cloned().collect(),
            evicted,
            capacity: Some(fish),
            unstored: self.unstored.range(evicted..).copied().collect(),
            newest_seen: self.newest_seen,
            newest_measurement: self.newest_measurement,
            texts: self.texts.clone(),
            triggers: last(&self.triggers, fish).to_vec(),
            dead_letters: self.dead_letters.clone(),
            unreadable: self.unreadable.clone(),
            ..Self::default()
        };
        let keys = self.dead_keys.len().saturating_sub(fish);
        newest.dead_keys = self.dead_keys.range(keys..).cloned().collect();
        let numbered = newest.fish.iter().zip(evicted..);
        newest.by_id = numbered
            .map(|(fish, number)| (fish.shared_id(), number))
            .collect();
        newest.count_until(self.until);
        newest
    }
}

/// The last `count` values.
fn last<T>(values: &[T], count: usize) -> &[T] {
    let surplus = values.len().saturating_sub(count);
    values.get(surplus..).unwrap_or_default()
}
