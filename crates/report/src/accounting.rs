//! Accounts for every fish: which steps each fish passed, and which it missed.

use crate::build::Sources;
use crate::ledger::{Fish, Selection};
use crate::report::FishCounts;

/// Whether a fish passed a step.
type Passed = fn(&Fish, &Selection) -> bool;

/// The steps of the pipeline in order.
const STEPS: [(&str, Passed); 5] = [
    ("measured", |fish, _| fish.measured().is_some()),
    ("predicted", |fish, _| fish.predicted().is_some()),
    ("weighed", |fish, _| fish.weighed().is_some()),
    ("joined", |fish, _| fish.joined().is_some()),
    ("stored", |fish, selection| selection.is_stored(fish)),
];

fn count(fish: &[&Fish], is_so: impl Fn(&Fish) -> bool) -> u64 {
    fish.iter().filter(|one| is_so(one)).count() as u64
}

pub(crate) fn counts(fish: &[&Fish], sources: &Sources<'_>) -> FishCounts {
    let [measured, predicted, weighed, joined, stored] =
        STEPS.map(|(_, passed)| count(fish, |one| passed(one, &sources.selection)));
    FishCounts {
        measured,
        predicted,
        weighed,
        joined,
        stored: sources.selection.store_is_known.then_some(stored),
        duplicates: fish.iter().map(|one| one.duplicates()).sum(),
        dead_letters: sources.ledger.dead_letters().values().sum(),
        unreadable: sources.ledger.unreadable().values().sum(),
    }
}

/// The steps that the selected fish missed, in words; empty if every fish is accounted for.
pub fn missing(sources: &Sources<'_>) -> Vec<String> {
    unaccounted(&sources.fish(), sources)
}

/// Fish that missed a step, grouped by the first step they missed, and fish stored twice.
pub(crate) fn unaccounted(fish: &[&Fish], sources: &Sources<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    let measured = count(fish, |one| one.measured().is_some());
    match sources.planned {
        Some(planned) if planned != measured => {
            reasons.push(format!("{planned} fish planned, {measured} measured"));
        }
        None if measured == 0 => reasons.push("no fish was measured".to_owned()),
        _ => {}
    }
    let dead = sources.ledger.dead_letters_by_key();
    let mut missing: Vec<(String, Vec<&str>)> = Vec::new();
    for one in fish {
        let missed = |(_, passed): &&(&str, Passed)| !passed(one, &sources.selection);
        let Some((first_missed, _)) = STEPS.iter().find(missed) else {
            continue;
        };
        let last_seen = STEPS.iter().rfind(|step| !missed(step));
        let last_seen = last_seen.map_or("nowhere", |(name, _)| name);
        let mut text = format!("not {first_missed} (last seen: {last_seen})");
        if let Some(topics) = dead.get(one.id()) {
            let topics: Vec<_> = topics.iter().copied().collect();
            text += &format!(", dead-lettered: {}", topics.join(", "));
        }
        match missing.iter_mut().find(|(known, _)| *known == text) {
            Some((_, ids)) => ids.push(one.id()),
            None => missing.push((text, vec![one.id()])),
        }
    }
    let missing = missing.iter();
    reasons.extend(missing.map(|(text, ids)| format!("{} {text}", named(ids))));
    let twice = fish.iter().filter(|one| one.is_stored_twice());
    let twice: Vec<&str> = twice.map(|one| one.id()).collect();
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
