//! The records of a ledger: counts, selections and copies.

use pipeline::EventTime;

use super::counts::{Counts, Passed, StepCounts};
use super::{Account, Ledger, Selection};

impl Ledger {
    /// How many records a [bounded](Self::bounded) ledger has evicted.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many records passed each step, without evicted ones.
    pub fn steps(&self) -> StepCounts {
        self.counts.progress()
    }

    /// How many records passed each step, as if evicted ones had passed all.
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

    /// From now on, [`steps`](Self::steps) and [`pending`](Self::pending) count only records that were first
    /// seen until this time.
    pub fn count_until(&mut self, until: Option<EventTime>) {
        self.until = until;
        self.counts = Counts::default();
        for account in &self.accounts {
            self.counts.add(Passed::by(account, until));
        }
    }

    /// How many records were first seen after the time of [`count_until`](Self::count_until).
    pub fn late(&self) -> u64 {
        self.counts.late()
    }

    /// How many records are not joined yet, by the first step they miss: `3 records not predicted`. Planned
    /// records that were not measured yet are counted too; if as many records as planned are joined, no
    /// other record is awaited.
    pub fn pending(&self, planned: Option<u64>) -> Vec<String> {
        if planned.is_some_and(|planned| planned <= self.steps().joined) {
            return Vec::new();
        }
        let missed = self.counts.pending(planned, self.definition).into_iter();
        missed
            .filter(|(count, _)| *count > 0)
            .map(|(count, step)| format!("{} not {step}", self.definition.counted(count)))
            .collect()
    }

    /// The record with this key.
    pub fn get(&self, id: &str) -> Option<&Account> {
        self.at(*self.by_id.get(id)?)
    }

    /// Every record seen on any topic, in [order of measurement](Account::by_measurement).
    pub fn accounts(&self) -> Vec<&Account> {
        self.selected(&Selection::default())
    }

    /// The selected records, in [order of measurement](Account::by_measurement).
    pub fn selected(&self, selection: &Selection) -> Vec<&Account> {
        let accounts = self.accounts.iter();
        let mut accounts: Vec<_> = accounts.filter(|one| selection.includes(one)).collect();
        accounts.sort_by(|one, other| one.by_measurement(other));
        accounts
    }

    /// The records that arrived last, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().rev()
    }

    /// A copy with only the newest `records` records, and as many triggers and dead-letter keys.
    #[must_use]
    pub fn newest(&self, records: usize) -> Self {
        let surplus = self.accounts.len().saturating_sub(records);
        let evicted = self.evicted + surplus as u64;
        let mut newest = Self {
            accounts: self.accounts.range(surplus..).cloned().collect(),
            evicted,
            capacity: Some(records),
            unstored: self.unstored.range(evicted..).copied().collect(),
            newest_seen: self.newest_seen,
            newest_measurement: self.newest_measurement,
            texts: self.texts.clone(),
            triggers: last(&self.triggers, records).to_vec(),
            dead_letters: self.dead_letters.clone(),
            unreadable: self.unreadable.clone(),
            ..Self::new(self.definition)
        };
        let keys = self.dead_keys.len().saturating_sub(records);
        newest.dead_keys = self.dead_keys.range(keys..).cloned().collect();
        let numbered = newest.accounts.iter().zip(evicted..);
        newest.by_id = numbered
            .map(|(account, number)| (account.shared_id(), number))
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
