//! Phases: stretches of consecutive records of one group.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::ledger::Account;
use crate::report::{Phase, RecordRow, Report};

/// Of more groups, texts and pictures name those with most records and count the others.
pub const NAMED_GROUPS: usize = 10;

/// With more runs than this, records of alternating groups get one phase per group instead.
const MANY_RUNS: usize = 10;
/// Below this number of records per run on average, the groups alternate.
const LONG_RUN: usize = 10;
/// With more runs than this there is one phase per group, however long the runs are.
const MAX_RUNS: usize = 200;

/// What a phase needs of a record.
pub(crate) trait PhaseRecord {
    fn id(&self) -> &str;
    fn group(&self) -> Option<&str>;
    fn error(&self) -> Option<f64>;
    fn model_version(&self) -> Option<&str>;
}

impl PhaseRecord for Account {
    fn id(&self) -> &str {
        self.id()
    }

    fn group(&self) -> Option<&str> {
        self.group()
    }

    fn error(&self) -> Option<f64> {
        self.error()
    }

    fn model_version(&self) -> Option<&str> {
        self.model_version()
    }
}

impl PhaseRecord for RecordRow {
    fn id(&self) -> &str {
        &self.id
    }

    fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    fn error(&self) -> Option<f64> {
        self.error
    }

    fn model_version(&self) -> Option<&str> {
        self.model_version.as_deref()
    }
}

/// The phases of records in order of measurement: runs of one group; if the groups alternate, one phase for
/// each group: in order of appearance, or those of many groups by their number of records.
pub(crate) fn phases<'a, R: PhaseRecord + 'a>(
    records: impl Iterator<Item = &'a R> + Clone,
) -> Vec<Phase> {
    if alternate(records.clone()) {
        by_group(records)
    } else {
        runs(records)
    }
}

/// Whether groups change so often that runs say nothing.
pub(crate) fn alternate<'a, R: PhaseRecord + 'a>(records: impl Iterator<Item = &'a R>) -> bool {
    let (mut runs, mut count, mut last) = (0, 0, None);
    for one in records {
        count += 1;
        if last != Some(one.group()) {
            runs += 1;
            last = Some(one.group());
        }
    }
    runs > MAX_RUNS || (runs > MANY_RUNS && count < LONG_RUN * runs)
}

fn runs<'a, R: PhaseRecord + 'a>(records: impl Iterator<Item = &'a R>) -> Vec<Phase> {
    let mut phases: Vec<Growing> = Vec::new();
    for one in records {
        match phases.last_mut() {
            Some(last) if last.phase.group.as_deref() == one.group() => last.add(one),
            _ => phases.push(Growing::starting_with(one)),
        }
    }
    phases.into_iter().map(|one| one.phase).collect()
}

fn by_group<'a, R: PhaseRecord + 'a>(records: impl Iterator<Item = &'a R>) -> Vec<Phase> {
    let mut phases: Vec<Growing> = Vec::new();
    let mut positions: HashMap<Option<&str>, usize> = HashMap::new();
    for one in records {
        let known = positions.get(&one.group());
        match known.and_then(|at| phases.get_mut(*at)) {
            Some(phase) => phase.add(one),
            None => {
                positions.insert(one.group(), phases.len());
                phases.push(Growing::starting_with(one));
            }
        }
    }
    let mut phases: Vec<Phase> = phases.into_iter().map(|one| one.phase).collect();
    if phases.len() > NAMED_GROUPS {
        phases.sort_by_key(|one| Reverse(one.records));
    }
    phases
}

/// The groups that a table of phases does not list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OtherPhases {
    /// How many groups.
    pub groups: usize,
    /// How many records.
    pub records: u64,
    /// Mean error of the phases, weighted by their records.
    pub mean_error: Option<f64>,
}

impl Report {
    /// The phases that texts list. If there is one phase for each of many groups, those with most records, the
    /// largest first, and a summary of the others; otherwise all.
    pub fn listed_phases(&self) -> (Vec<&Phase>, Option<OtherPhases>) {
        let mut phases: Vec<&Phase> = self.phases.iter().collect();
        let groups: HashSet<_> = phases.iter().map(|one| &one.group).collect();
        if phases.len() <= NAMED_GROUPS || groups.len() < phases.len() {
            return (phases, None);
        }
        phases.sort_by_key(|one| Reverse(one.records));
        let others = phases.split_off(NAMED_GROUPS);
        let errors = others
            .iter()
            .filter_map(|one| Some((one.mean_error?, one.records as f64)));
        let (sum, weight) = errors.fold((0.0, 0.0), |(sum, weight), (error, records)| {
            (sum + error * records, weight + records)
        });
        let others = OtherPhases {
            groups: others.len(),
            records: others.iter().map(|one| one.records).sum(),
            mean_error: (weight > 0.0).then(|| sum / weight),
        };
        (phases, Some(others))
    }
}

/// A phase and what its mean error is computed from.
struct Growing {
    phase: Phase,
    sum: f64,
    joined: f64,
}

impl Growing {
    fn starting_with<R: PhaseRecord>(first: &R) -> Self {
        let mut growing = Self {
            phase: Phase {
                group: first.group().map(str::to_owned),
                first_record: first.id().to_owned(),
                last_record: String::new(),
                records: 0,
                mean_error: None,
                model_versions: Vec::new(),
            },
            sum: 0.0,
            joined: 0.0,
        };
        growing.add(first);
        growing
    }

    fn add<R: PhaseRecord>(&mut self, one: &R) {
        let phase = &mut self.phase;
        phase.records += 1;
        one.id().clone_into(&mut phase.last_record);
        if let Some(error) = one.error() {
            (self.sum, self.joined) = (self.sum + error, self.joined + 1.0);
            phase.mean_error = Some(self.sum / self.joined);
        }
        if let Some(version) = one.model_version()
            && !phase.model_versions.iter().any(|known| known == version)
        {
            phase.model_versions.push(version.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(String, &'static str);

    impl PhaseRecord for One {
        fn id(&self) -> &str {
            &self.0
        }

        fn group(&self) -> Option<&str> {
            Some(self.1)
        }

        fn error(&self) -> Option<f64> {
            Some(0.1)
        }

        fn model_version(&self) -> Option<&str> {
            None
        }
    }

    fn phases_of(groups: impl Iterator<Item = &'static str>) -> Vec<(String, String, u64)> {
        let records: Vec<_> = groups
            .enumerate()
            .map(|(at, group)| One(at.to_string(), group))
            .collect();
        let found = phases(records.iter()).into_iter();
        found
            .map(|one| {
                let span = format!("{} to {}", one.first_record, one.last_record);
                (one.group.unwrap_or_default(), span, one.records)
            })
            .collect()
    }

    fn phase(group: &str, span: &str, records: u64) -> (String, String, u64) {
        (group.to_owned(), span.to_owned(), records)
    }

    #[test]
    fn long_runs_of_a_group_are_phases_of_their_own() {
        let groups = [("a", 12), ("b", 3), ("a", 12)];
        let groups = groups.map(|(group, count)| std::iter::repeat_n(group, count));
        let expected = [
            phase("a", "0 to 11", 12),
            phase("b", "12 to 14", 3),
            phase("a", "15 to 26", 12),
        ];
        assert_eq!(phases_of(groups.into_iter().flatten()), expected);
    }

    #[test]
    fn many_groups_are_in_the_order_of_their_size() {
        // Group 0 has 1 record, group 11 has 12 of them.
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let groups = (0..12).flat_map(|turn| (turn..12).map(|group| names[group]));
        let found = phases_of(groups);
        let order: Vec<_> = found.iter().map(|(group, _, _)| group.as_str()).collect();
        assert_eq!(
            order,
            ["l", "k", "j", "i", "h", "g", "f", "e", "d", "c", "b", "a"]
        );
    }

    #[test]
    fn alternating_groups_have_one_phase_each() {
        let groups = ["b", "a"].into_iter().cycle().take(101);
        let expected = [phase("b", "0 to 100", 51), phase("a", "1 to 99", 50)];
        assert_eq!(phases_of(groups), expected);
    }
}
