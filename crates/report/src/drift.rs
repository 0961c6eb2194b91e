//! Drift episodes: where a model's errors began to be too high, and where they recovered.
//!
//! An episode starts from a window that triggered. Its first record is the change point of a CUSUM (Page
//! 1954, Biometrika 41) over the errors of the erring version: the records at which the sum of the errors
//! above the threshold rose above zero before it reached its highest value in the window. The sum starts at
//! the previous recovery, so a drift that began before the window is dated correctly, and a single odd
//! records long before the others starts no drift. The episode ends with the first of [`RECOVERED_RUN`]
//! consecutive records that newer versions predicted with a mean error below the threshold.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use pipeline::EventTime;

use crate::build::mean;

/// Number of consecutive records that must be predicted well to end an episode.
pub(crate) const RECOVERED_RUN: usize = 5;
/// How many consecutive records in windows that should have triggered make an [unjudged stretch](unjudged).
const UNJUDGED_RUN: usize = 5;

/// A joined records. Functions of this module take them in order of measurement and return positions in
/// that order.
#[derive(Clone, Debug)]
pub(crate) struct Scored<'a> {
    pub(crate) weighed: EventTime,
    pub(crate) error: f64,
    pub(crate) version: &'a str,
}

/// A window that triggered.
#[derive(Clone, Debug)]
pub(crate) struct Alarm<'a> {
    pub(crate) start: EventTime,
    pub(crate) end: EventTime,
    pub(crate) erring_version: &'a str,
}

/// A stretch of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Episode {
    pub(crate) first_drifted: usize,
    /// The first record that was predicted well again; `None` while the drift lasts.
    pub(crate) first_recovered: Option<usize>,
}

/// The episodes among `records`, given the alarms in order of their start and the versions in order of
/// activation.
pub(crate) fn episodes(
    records: &[Scored<'_>],
    alarms: &[Alarm<'_>],
    activations: &[&str],
    threshold: f64,
) -> Vec<Episode> {
    let mut episodes: Vec<Episode> = Vec::new();
    let bounds = Bounds::of(records);
    for alarm in alarms {
        let since = match episodes.last().map(|last| last.first_recovered) {
            // Later windows are of the drift that has not ended.
            Some(None) => break,
            Some(Some(recovered)) => recovered,
            None => 0,
        };
        let Some(first_drifted) = onset(records, &bounds, alarm, threshold, since) else {
            continue;
        };
        // A later window of the same drift contains the old version's last record.
        if first_drifted < since {
            continue;
        }
        let erring = alarm.erring_version;
        episodes.push(Episode {
            first_drifted,
            first_recovered: recovery(records, first_drifted, erring, activations, threshold),
        });
    }
    episodes
}

/// Limits the search for records that were weighed at some time: records are in order of measurement.
struct Bounds {
    /// The latest weighing, in milliseconds, of each record and those before it.
    latest: Vec<i64>,
    /// The earliest weighing of each record and those after it.
    earliest: Vec<i64>,
}

impl Bounds {
    fn of(records: &[Scored<'_>]) -> Self {
        let weighed = |one: &Scored<'_>| one.weighed.as_millis();
        let mut latest: Vec<_> = records.iter().map(weighed).collect();
        let mut earliest = latest.clone();
        latest.iter_mut().fold(i64::MIN, |before, at| {
            *at = before.max(*at);
            *at
        });
        earliest.iter_mut().rev().fold(i64::MAX, |after, at| {
            *at = after.min(*at);
            *at
        });
        Self { latest, earliest }
    }

    /// The positions from the first record weighed at `start` or later, to the last one weighed before `end`.
    fn between(&self, start: EventTime, end: EventTime) -> Range<usize> {
        let before = |limit: EventTime| move |at: &i64| *at < limit.as_millis();
        self.latest.partition_point(before(start))..self.earliest.partition_point(before(end))
    }
}

/// The records with which the errors of an alarm's window began to be too high. Records before the window
/// count from position `since` on.
fn onset(
    records: &[Scored<'_>],
    bounds: &Bounds,
    alarm: &Alarm<'_>,
    threshold: f64,
    since: usize,
) -> Option<usize> {
    let (mut sum, mut began) = (0.0, None);
    let (mut highest, mut onset) = (0.0, None);
    let window = bounds.between(alarm.start, alarm.end);
    let searched = records.iter().enumerate().take(window.end);
    for (position, one) in searched.skip(window.start.min(since)) {
        let in_window = (alarm.start..alarm.end).contains(&one.weighed);
        let before = one.weighed < alarm.start && position >= since;
        if !(in_window || before) || one.version != alarm.erring_version {
            continue;
        }
        sum += one.error - threshold;
        if sum <= 0.0 {
            (sum, began) = (0.0, None);
            continue;
        }
        let began = *began.get_or_insert(position);
        if in_window && sum > highest {
            (highest, onset) = (sum, Some(began));
        }
    }
    onset
}

fn recovery(
    records: &[Scored<'_>],
    first_drifted: usize,
    erring_version: &str,
    activations: &[&str],
    threshold: f64,
) -> Option<usize> {
    let activated = activations
        .iter()
        .position(|version| *version == erring_version);
    let newer = activations
        .get(activated.map_or(0, |at| at + 1)..)
        .unwrap_or_default();
    let runs = records.get(first_drifted..)?.windows(RECOVERED_RUN);
    runs.enumerate().find_map(|(offset, run)| {
        let is_newer =
            |one: &Scored<'_>| one.version != erring_version && newer.contains(&one.version);
        let good = mean(run.iter().map(|one| one.error)).is_some_and(|mean| mean < threshold);
        (good && run.iter().all(is_newer)).then_some(first_drifted + offset)
    })
}

/// Stretches of records with errors above the threshold that no window judged: too few records in each
/// window, or a window that did not close. Returns the first and last position of each stretch.
///
/// Records of a drift episode do not count. Windows are taken as aligned to the epoch.
pub(crate) fn unjudged(
    records: &[Scored<'_>],
    episodes: &[Episode],
    alarms: &[Alarm<'_>],
    window: Duration,
    threshold: f64,
) -> Vec<(usize, usize)> {
    let size = i64::try_from(window.as_millis()).unwrap_or(i64::MAX).max(1);
    let window_of = |one: &Scored<'_>| one.weighed.as_millis().div_euclid(size);
    let mut windows: HashMap<(&str, i64), (f64, f64)> = HashMap::new();
    for one in records {
        let (sum, count) = windows.entry((one.version, window_of(one))).or_default();
        (*sum, *count) = (*sum + one.error, *count + 1.0);
    }
    windows.retain(|_, (sum, count)| *sum / *count > threshold);
    let judged: HashSet<_> = alarms
        .iter()
        .map(|alarm| {
            (
                alarm.erring_version,
                alarm.start.as_millis().div_euclid(size),
            )
        })
        .collect();
    let in_episode = |position: usize| {
        episodes.iter().any(|one| {
            one.first_drifted <= position && one.first_recovered.is_none_or(|end| position < end)
        })
    };
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for (position, one) in records.iter().enumerate() {
        let key = (one.version, window_of(one));
        if !windows.contains_key(&key) || judged.contains(&key) || in_episode(position) {
            continue;
        }
        match stretches.last_mut() {
            Some((_, last)) if *last + 1 == position => *last = position,
            _ => stretches.push((position, position)),
        }
    }
    // A window may also contain good records: name the bad ones.
    let trimmed = stretches.into_iter().filter_map(|(first, last)| {
        let is_bad = |at: &usize| records.get(*at).is_some_and(|one| one.error > threshold);
        Some(((first..=last).find(is_bad)?, (first..=last).rfind(is_bad)?))
    });
    trimmed
        .filter(|(first, last)| last - first + 1 >= UNJUDGED_RUN)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> EventTime {
        EventTime::from_millis(second * 1000).expect("a time")
    }

    /// Records weighed every two seconds: version, error, and how many of them.
    fn records<'a>(stretches: &[(&'a str, f64, usize)]) -> Vec<Scored<'a>> {
        let answers = stretches
            .iter()
            .flat_map(|one| std::iter::repeat_n((one.0, one.1), one.2));
        let scored = answers.enumerate();
        scored
            .map(|(n, (version, error))| Scored {
                weighed: at(2 * n as i64),
                error,
                version,
            })
            .collect()
    }

    fn alarm<'a>((start, end, erring_version): &(i64, i64, &'a str)) -> Alarm<'a> {
        Alarm {
            start: at(*start),
            end: at(*end),
            erring_version,
        }
    }

    type Case<'a> = (
        &'a str,
        &'a [(&'a str, f64, usize)],
        &'a [(i64, i64, &'a str)],
        &'a [&'a str],
        &'a [(usize, Option<usize>)],
    );

    #[test]
    fn episodes_begin_and_end_at_the_right_record() {
        let cases: &[Case<'_>] = &[
            (
                "first bad records to the first of five good ones of a newer version",
                &[("a", 0.02, 5), ("a", 0.8, 5), ("b", 0.03, 6)],
                &[(0, 20, "a")],
                &["a", "b"],
                &[(5, Some(10))],
            ),
            (
                "an odd records before the others",
                &[("a", 0.02, 1), ("a", 0.3, 1), ("a", 0.05, 3), ("a", 0.5, 5)],
                &[(0, 20, "a")],
                &["a"],
                &[(5, None)],
            ),
            (
                "the drift began before the window that triggered",
                &[("a", 0.02, 5), ("a", 0.8, 10), ("b", 0.03, 6)],
                &[(20, 30, "a")],
                &["a", "b"],
                &[(5, Some(15))],
            ),
            (
                "the new version errs as well",
                &[("a", 0.8, 5), ("b", 0.8, 5), ("c", 0.03, 5)],
                &[(0, 10, "a"), (10, 20, "b")],
                &["a", "b", "c"],
                &[(0, Some(10))],
            ),
            (
                "a superseded trigger of the same drift",
                &[("a", 0.8, 12), ("b", 0.03, 6)],
                &[(0, 16, "a"), (16, 32, "a")],
                &["a", "b"],
                &[(0, Some(12))],
            ),
            (
                "good predictions of the erring version",
                &[("a", 0.8, 5), ("a", 0.01, 10)],
                &[(0, 10, "a")],
                &["a"],
                &[(0, None)],
            ),
            (
                "a later rollback to the erring version",
                &[("a", 0.8, 5), ("b", 0.03, 5)],
                &[(0, 10, "a")],
                &["a", "b", "a"],
                &[(0, Some(5))],
            ),
            (
                "a second drift after recovery",
                &[("a", 0.8, 5), ("b", 0.03, 5), ("b", 0.5, 5), ("c", 0.03, 5)],
                &[(0, 10, "a"), (20, 30, "b")],
                &["a", "b", "c"],
                &[(0, Some(5)), (10, Some(15))],
            ),
            (
                "a second drift of a version that came back",
                &[("a", 0.8, 5), ("b", 0.03, 5), ("a", 0.02, 5), ("a", 0.9, 5)],
                &[(0, 10, "a"), (30, 40, "a")],
                &["a", "b", "a"],
                &[(0, Some(5)), (15, None)],
            ),
        ];
        for (case, stretches, alarms, activations, expected) in cases {
            let alarms: Vec<_> = alarms.iter().map(alarm).collect();
            let found = episodes(&records(stretches), &alarms, activations, 0.15);
            let found: Vec<_> = found
                .iter()
                .map(|one| (one.first_drifted, one.first_recovered))
                .collect();
            assert_eq!(found, *expected, "{case}");
        }
    }

    #[test]
    fn bad_records_that_no_window_judged_are_found() {
        let window = Duration::from_secs(4); // two records: too few to trigger
        let bad = records(&[("a", 0.02, 4), ("a", 0.8, 6), ("a", 0.02, 4)]);
        let found = |episodes: &[Episode], alarms: &[Alarm<'_>]| {
            unjudged(&bad, episodes, alarms, window, 0.15)
        };
        assert_eq!(found(&[], &[]), [(4, 9)]);
        let judged: Vec<_> = [(8, 12, "a"), (12, 16, "a"), (16, 20, "a")]
            .iter()
            .map(alarm)
            .collect();
        assert_eq!(found(&[], &judged), []);
        let episode = Episode {
            first_drifted: 4,
            first_recovered: Some(10),
        };
        assert_eq!(found(&[episode], &[]), []);
        let few = records(&[("a", 0.02, 4), ("a", 0.8, 4), ("a", 0.02, 4)]);
        assert_eq!(unjudged(&few, &[], &[], window, 0.15), []);
    }
}
