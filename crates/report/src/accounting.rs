//! Accounts for every fish: which steps each fish passed, and which it missed.

use std::collections::HashSet;

use crate::build::Sources;
use crate::ledger::Fish;
use crate::report::FishCounts;

/// Whether a fish passed a step, given the ids of the stored rows if they are known.
type Passed = fn(&Fish, Option<&HashSet<String>>) -> bool;

/// The steps of the pipeline in order.
const STEPS: [(&str, Passed); 5] = [
    ("measured", |fish, _| fish.measurement.is_some()),
    ("predicted", |fish, _| fish.prediction.is_some()),
    ("weighed", |fish, _| fish.weighing.is_some()),
    ("joined", |fish, _| fish.diff.is_some()),
    ("stored", is_stored),
];

/// Whether the store has a row of the fish. If the stored rows are unknown, a joined fish counts as
/// stored.
pub(crate) fn is_stored(fish: &Fish, stored: Option<&HashSet<String>>) -> bool {
    let mut rows = fish.row_ids.iter();
    rows.any(|id| stored.is_none_or(|stored| stored.contains(id)))
}

fn is_stored_twice(fish: &Fish, stored: Option<&HashSet<String>>) -> bool {
    let rows = fish.row_ids.iter();
    stored.is_some_and(|stored| rows.filter(|id| stored.contains(*id)).nth(1).is_some())
}

fn count(fish: &[(&str, &Fish)], is_so: impl Fn(&Fish) -> bool) -> u64 {
    fish.iter().filter(|(_, one)| is_so(one)).count() as u64
}

pub(crate) fn counts(fish: &[(&str, &Fish)], sources: &Sources<'_>) -> FishCounts {
    let [measured, predicted, weighed, joined, stored] =
        STEPS.map(|(_, passed)| count(fish, |one| passed(one, sources.stored)));
    FishCounts {
        measured,
        predicted,
        weighed,
        joined,
        stored: sources.stored.map(|_| stored),
        duplicates: fish.iter().map(|(_, one)| one.duplicates).sum(),
        dead_letters: sources.ledger.dead_letters().values().sum(),
        unreadable: sources.ledger.unreadable().values().sum(),
    }
}

/// How many fish are not joined yet, by the first step they miss: `3 fish not predicted`. Planned fish
/// that were not measured yet are counted too.
pub fn pending(fish: &[(&str, &Fish)], planned: Option<u64>) -> Vec<String> {
    let not_seen = planned
        .unwrap_or_default()
        .saturating_sub(fish.len() as u64);
    let (mut measured, mut predicted, mut weighed, mut joined) = (not_seen, 0, 0, 0);
    for (_, one) in fish {
        let missed = match one {
            Fish {
                measurement: None, ..
            } => &mut measured,
            Fish {
                prediction: None, ..
            } => &mut predicted,
            Fish { weighing: None, .. } => &mut weighed,
            Fish { diff: None, .. } => &mut joined,
            _ => continue,
        };
        *missed += 1;
    }
    let missed = [
        (measured, "measured"),
        (predicted, "predicted"),
        (weighed, "weighed"),
        (joined, "joined"),
    ];
    let missed = missed.into_iter().filter(|(count, _)| *count > 0);
    missed
        .map(|(count, step)| format!("{count} fish not {step}"))
        .collect()
}

/// The steps that the fish of a ledger missed, in words; empty if every fish is accounted for.
pub fn missing(sources: &Sources<'_>) -> Vec<String> {
    unaccounted(&sources.ledger.fish(), sources)
}

/// Fish that missed a step, grouped by the first step they missed, and fish stored twice.
pub(crate) fn unaccounted(fish: &[(&str, &Fish)], sources: &Sources<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    let measured = count(fish, |one| one.measurement.is_some());
    match sources.planned {
        Some(planned) if planned != measured => {
            reasons.push(format!("{planned} fish planned, {measured} measured"));
        }
        None if measured == 0 => reasons.push("no fish was measured".to_owned()),
        _ => {}
    }
    let dead = sources.ledger.dead_letters_by_key();
    let mut missing: Vec<(String, Vec<&str>)> = Vec::new();
    for (id, one) in fish {
        let missed = |(_, passed): &&(&str, Passed)| !passed(one, sources.stored);
        let Some((first_missed, _)) = STEPS.iter().find(missed) else {
            continue;
        };
        let last_seen = STEPS.iter().rfind(|step| !missed(step));
        let last_seen = last_seen.map_or("nowhere", |(name, _)| name);
        let mut text = format!("not {first_missed} (last seen: {last_seen})");
        if let Some(topics) = dead.get(id) {
            let topics: Vec<_> = topics.iter().copied().collect();
            text += &format!(", dead-lettered: {}", topics.join(", "));
        }
        match missing.iter_mut().find(|(known, _)| *known == text) {
            Some((_, ids)) => ids.push(id),
            None => missing.push((text, vec![id])),
        }
    }
    let missing = missing.iter();
    reasons.extend(missing.map(|(text, ids)| format!("{} {text}", named(ids))));
    let twice = fish
        .iter()
        .filter(|(_, one)| is_stored_twice(one, sources.stored));
    let twice: Vec<&str> = twice.map(|(id, _)| *id).collect();
    if !twice.is_empty() {
        reasons.push(format!("{} stored more than once", named(&twice)));
    }
    reasons
}

/// `fish 7` or `3 fish (7, 8, 9)`, with at most ten ids.
fn named(ids: &[&str]) -> String {
    const SHOWN: usize = 10;
    match ids {
        [id] => format!("fish {id}"),
        _ => {
            let more = if ids.len() > SHOWN { ", …" } else { "" };
            let shown: Vec<_> = ids.iter().take(SHOWN).copied().collect();
            format!("{} fish ({}{more})", ids.len(), shown.join(", "))
        }
    }
}
