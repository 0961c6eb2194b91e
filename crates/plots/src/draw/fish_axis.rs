//! Which fish the axis names. The choice depends on the fish, not on where they are in the chart, so
//! that it stays while the newest fish move across a live page.

use super::scale::round_step;
use crate::marks::FishPoint;

/// Round steps of time, in milliseconds: from a second to a week.
const TIMES: [i64; 17] = [
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

/// About `most` fish: those with round ids where ids are numbers, else the first ones that were
/// measured after round times.
pub(super) fn named(fish: &[FishPoint], most: f64) -> Vec<&FishPoint> {
    let ids: Option<Vec<i64>> = fish.iter().map(|one| one.id.parse().ok()).collect();
    let by_id = ids.is_some();
    let numbers = ids.unwrap_or_else(|| fish.iter().map(|one| one.measured.as_millis()).collect());
    let Some(apart) = usual_difference(&numbers) else {
        return fish.first().into_iter().collect();
    };
    let least = apart as f64 * fish.len() as f64 / most.max(1.0);
    let step = if by_id {
        round_step(least.max(1.0)) as i64
    } else {
        let longer = TIMES.into_iter().find(|step| *step as f64 >= least);
        longer.unwrap_or(round_step(least) as i64)
    };
    let mut passed = numbers
        .first()
        .map_or(0, |first| first.saturating_sub(1).div_euclid(step));
    let reaches = |number: &i64| {
        let reached = number.div_euclid(step);
        let further = reached > passed;
        passed = passed.max(reached);
        further
    };
    let chosen = numbers.iter().map(reaches);
    let chosen = fish.iter().zip(chosen.collect::<Vec<_>>());
    chosen
        .filter_map(|(one, chosen)| chosen.then_some(one))
        .collect()
}

/// The median of what numbers grow by from one to the next; none where none is larger than the one
/// before.
fn usual_difference(numbers: &[i64]) -> Option<i64> {
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

    fn fish(ids: impl Iterator<Item = (String, i64)>) -> Vec<FishPoint> {
        let point = |(position, (id, second)): (usize, (String, i64))| FishPoint {
            position: position + 1,
            id,
            species: 0,
            measured: EventTime::from_millis(1_623_245_960_000 + 1_000 * second).expect("a time"),
            error: None,
            model_version: None,
            unseen_species: false,
        };
        ids.enumerate().map(point).collect()
    }

    fn ids(named: &[&FishPoint]) -> Vec<String> {
        named.iter().map(|one| one.id.clone()).collect()
    }

    #[test]
    fn the_same_fish_are_named_while_the_newest_move_on() {
        let all = fish((1..=400).map(|id| (id.to_string(), 2 * id)));
        let tagged = fish((1..=400).map(|id| (format!("tag-{id}"), 2 * id)));
        for all in [all, tagged] {
            let at = |from: usize| ids(&named(&all[from..from + 300], 10.0));
            let first = at(0);
            assert!((5..=11).contains(&first.len()), "{first:?}");
            for from in 1..100 {
                let later = at(from);
                let both = |one: &&String| all[from..300].iter().any(|fish| fish.id == **one);
                let kept: Vec<_> = first.iter().filter(both).collect();
                let shown: Vec<_> = later.iter().filter(both).collect();
                assert_eq!(shown, kept, "from {from}");
            }
        }
    }

    #[test]
    fn ids_that_are_numbers_are_round_and_others_are_at_round_times() {
        let numbers = fish((37..=96).map(|id| (id.to_string(), 2 * id)));
        assert_eq!(
            ids(&named(&numbers, 6.0)),
            ["40", "50", "60", "70", "80", "90"]
        );
        // Measured every 2 s from second 20 on: whole minutes are at 40 s, 100 s, 160 s.
        let others = fish((0..=90).map(|id| (format!("t{id}"), 2 * id)));
        assert_eq!(ids(&named(&others, 4.0)), ["t20", "t50", "t80"]);
    }

    #[test]
    fn ids_out_of_order_and_far_apart_are_named_without_end() {
        let odd = [
            "9",
            "3",
            "9223372036854775807",
            "-9223372036854775808",
            "10",
        ];
        let odd = fish(odd.iter().map(|id| ((*id).to_owned(), 0)));
        assert!(named(&odd, 10.0).len() <= odd.len());
        assert_eq!(ids(&named(&odd[..1], 10.0)), ["9"]);
        assert!(named(&[], 10.0).is_empty());
    }
}
