//! What the axes of a plot over records show: the range of errors, and which records are labelled.

use super::scale::{Scale, Spread, round_step, round_values, ticks, whole};
use crate::marks::{RecordPoint, Timeline};

/// The range of the error axis, chosen so that most records are within it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorRange {
    pub(crate) top: f64,
    pub(crate) spread: Spread,
    /// How many records are above the top, and the largest error.
    beyond: Option<(usize, f64)>,
}

impl ErrorRange {
    pub(crate) fn of(timeline: &Timeline) -> Self {
        let mut errors: Vec<f64> = timeline
            .records
            .iter()
            .filter_map(|one| one.error)
            .collect();
        errors.sort_by(f64::total_cmp);
        let largest = errors.last().copied().unwrap_or_default();
        // The 99th percentile.
        let most = errors.get((errors.len() * 99 / 100).saturating_sub(1));
        let windows = timeline.retrainings.iter().map(|one| one.window.mean_error);
        let needed = windows.fold(timeline.threshold * 1.6, f64::max);
        let mut needed = most.map_or(needed, |most| needed.max(most * 1.1));
        if largest <= 2.0 * needed {
            needed = needed.max(largest);
        }
        let step = round_step(needed / 6.0);
        let top = (needed / step).ceil() * step;
        let above = errors.iter().filter(|error| **error > top).count();
        Self {
            top,
            spread: if top > 20.0 * timeline.threshold {
                Spread::SquareRoot
            } else {
                Spread::Linear
            },
            beyond: (above > 0).then_some((above, largest)),
        }
    }

    /// Round error values that are at least 20 pixels apart.
    pub(crate) fn ticks(self, scale: Scale, height: f64) -> Vec<f64> {
        if self.spread == Spread::Linear {
            return ticks(0.0, self.top, ((height / 34.0) as usize).clamp(2, 8));
        }
        let mut kept = vec![0.0];
        let mut last = f64::MIN;
        for error in round_values(self.top / 1e4, self.top) {
            let y = scale.at(error);
            if y - last >= 20.0 && scale.at(0.0) - y >= 16.0 {
                kept.push(error);
                last = y;
            }
        }
        kept
    }

    /// Sentences that explain the scale where it is not linear or not complete.
    pub(crate) fn notes(self, timeline: &Timeline) -> Vec<String> {
        let words = timeline.words;
        let mut notes = Vec::new();
        if self.spread == Spread::SquareRoot {
            notes.push("The error is on a square-root scale.".to_owned());
        }
        if let Some((beyond, largest)) = self.beyond {
            notes.push(format!(
                "{} above the scale, up to {}, drawn at its upper edge.",
                words.counted(beyond as u64),
                words.error(largest, 0)
            ));
        }
        let records = &timeline.records;
        let unknown = records.iter().filter(|one| one.error.is_none()).count();
        if unknown > 0 {
            let (unknown, all) = (whole(unknown as u64), words.counted(records.len() as u64));
            notes.push(format!(
                "Not {} yet: {unknown} of {all}.",
                words.actual_step()
            ));
        }
        notes
    }
}

/// Round steps of time, in milliseconds: from a second to a week.
const TIME_STEPS: [i64; 17] = [
    1_000,
    2_000,
    5_000,
    10_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    1_800_000,
    3_600_000,
    7_200_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
];

/// About `most` records to label: those with round ids if all ids are numbers, otherwise the first ones
/// measured after round times. The choice does not depend on a record's position, so a label stays with
/// its records as the live page moves on.
pub(crate) fn labelled(records: &[RecordPoint], most: f64) -> Vec<&RecordPoint> {
    let ids: Option<Vec<i64>> = records.iter().map(|one| one.id.parse().ok()).collect();
    let by_id = ids.is_some();
    let numbers =
        ids.unwrap_or_else(|| records.iter().map(|one| one.measured.as_millis()).collect());
    let Some(apart) = median_growth(&numbers) else {
        return records.first().into_iter().collect();
    };
    let least = apart as f64 * records.len() as f64 / most.max(1.0);
    let step = if by_id {
        round_step(least.max(1.0)) as i64
    } else {
        let longer = TIME_STEPS.into_iter().find(|step| *step as f64 >= least);
        longer.unwrap_or(round_step(least) as i64)
    };
    let first = numbers.first();
    let mut passed = first.map_or(0, |first| first.saturating_sub(1).div_euclid(step));
    let mut chosen = Vec::new();
    for (one, number) in records.iter().zip(numbers) {
        let reached = number.div_euclid(step);
        if reached > passed {
            passed = reached;
            chosen.push(one);
        }
    }
    chosen
}

/// The median of the positive differences between neighbours; `None` if there is none.
fn median_growth(numbers: &[i64]) -> Option<i64> {
    let pairs = numbers.iter().zip(numbers.iter().skip(1));
    let mut growth: Vec<i64> = pairs
        .map(|(one, next)| next.saturating_sub(*one))
        .filter(|growth| *growth > 0)
        .collect();
    growth.sort_unstable();
    growth.get(growth.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use pipeline::EventTime;

    use super::*;

    fn records(ids: impl Iterator<Item = (String, i64)>) -> Vec<RecordPoint> {
        let point = |(position, (id, second)): (usize, (String, i64))| RecordPoint {
            position: position + 1,
            id,
            group: 0,
            measured: EventTime::from_millis(1_623_245_960_000 + 1_000 * second).expect("a time"),
            error: None,
            model_version: None,
            unseen: false,
        };
        ids.enumerate().map(point).collect()
    }

    fn ids(labelled: &[&RecordPoint]) -> Vec<String> {
        labelled.iter().map(|one| one.id.clone()).collect()
    }

    #[test]
    fn labels_stay_with_their_records_as_the_newest_move_on() {
        let all = records((1..=400).map(|id| (id.to_string(), 2 * id)));
        let tagged = records((1..=400).map(|id| (format!("tag-{id}"), 2 * id)));
        for all in [all, tagged] {
            let at = |from: usize| ids(&labelled(&all[from..from + 300], 10.0));
            let first = at(0);
            assert!((5..=11).contains(&first.len()), "{first:?}");
            for from in 1..100 {
                let later = at(from);
                let both = |id: &&String| all[from..300].iter().any(|one| one.id == **id);
                let kept: Vec<_> = first.iter().filter(both).collect();
                let shown: Vec<_> = later.iter().filter(both).collect();
                assert_eq!(shown, kept, "from {from}");
            }
        }
    }

    #[test]
    fn labels_are_at_round_ids_or_at_round_times() {
        let numbers = records((37..=96).map(|id| (id.to_string(), 2 * id)));
        let round = ["40", "50", "60", "70", "80", "90"];
        assert_eq!(ids(&labelled(&numbers, 6.0)), round);
        // Measured every 2 s from second 20 on: whole minutes are at 40 s, 100 s, 160 s.
        let others = records((0..=90).map(|id| (format!("t{id}"), 2 * id)));
        assert_eq!(ids(&labelled(&others, 4.0)), ["t20", "t50", "t80"]);
    }

    #[test]
    fn unordered_and_extreme_ids_are_labelled() {
        let odd = ["9", "3", "9223372036854775807", "-9223372036854775808"];
        let odd = records(odd.iter().map(|id| ((*id).to_owned(), 0)));
        assert!(labelled(&odd, 10.0).len() <= odd.len());
        assert_eq!(ids(&labelled(&odd[..1], 10.0)), ["9"]);
        assert!(labelled(&[], 10.0).is_empty());
    }
}
