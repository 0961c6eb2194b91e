//! Every fish is accounted for: which steps it reached, and which fish lack one.

use std::collections::HashSet;

use crate::build::Sources;
use crate::ledger::Fish;
use crate::report::FishCounts;

/// Whether a fish reached a step, given the identities of the rows in the store, where they are known.
type Reached = fn(&Fish, Option<&HashSet<String>>) -> bool;

/// The steps that a fish goes through, in their order.
const STEPS: [(&str, Reached); 5] = [
    ("measured", |fish, _| fish.measurement.is_some()),
    ("predicted", |fish, _| fish.prediction.is_some()),
    ("weighed", |fish, _| fish.weighing.is_some()),
    ("joined", |fish, _| fish.diff.is_some()),
    ("stored", is_stored),
];

/// Whether the store holds a row of a fish. Where that is not known, a joined one is not said to lack it.
pub(crate) fn is_stored(fish: &Fish, stored: Option<&HashSet<String>>) -> bool {
    let mut rows = fish.row_ids.iter();
    rows.any(|id| stored.is_none_or(|stored| stored.contains(id)))
}

/// Whether the store is known to hold several rows of a fish.
fn is_stored_twice(fish: &Fish, stored: Option<&HashSet<String>>) -> bool {
    let rows = fish.row_ids.iter();
    stored.is_some_and(|stored| rows.filter(|id| stored.contains(*id)).nth(1).is_some())
}

pub(crate) fn counts(fish: &[(&str, &Fish)], sources: &Sources<'_>) -> FishCounts {
    let reached = STEPS.map(|(_, step)| {
        fish.iter()
            .filter(|(_, one)| step(one, sources.stored))
            .count() as u64
    });
    let [measured, predicted, weighed, joined, stored] = reached;
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

/// What the fish of a ledger lack, in words: nothing where every fish is accounted for.
pub fn missing(sources: &Sources<'_>) -> Vec<String> {
    unaccounted(&sources.ledger.fish(), sources)
}

/// Fish that did not reach every step, by the first step that they miss, and fish stored twice.
pub(crate) fn unaccounted(fish: &[(&str, &Fish)], sources: &Sources<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    let measured = fish
        .iter()
        .filter(|(_, one)| one.measurement.is_some())
        .count() as u64;
    match sources.planned {
        Some(planned) if planned != measured => {
            reasons.push(format!(
                "{planned} fish were to be measured, {measured} were"
            ));
        }
        None if measured == 0 => reasons.push("no fish was measured".to_owned()),
        _ => {}
    }
    let dead = sources.ledger.dead_letters_by_key();
    let mut missing: Vec<(String, Vec<&str>)> = Vec::new();
    for (id, one) in fish {
        let first_missed = STEPS
            .iter()
            .position(|(_, step)| !step(one, sources.stored));
        let Some(missed) = first_missed else { continue };
        let last_seen = STEPS
            .iter()
            .rposition(|(_, step)| step(one, sources.stored));
        let name = |at: usize| STEPS.get(at).map_or("nowhere", |(name, _)| name);
        let mut text = format!(
            "not {} (last seen: {})",
            name(missed),
            last_seen.map_or("nowhere", name)
        );
        if let Some(topics) = dead.get(id) {
            let topics: Vec<_> = topics.iter().copied().collect();
            text += &format!(", dead-lettered: {}", topics.join(", "));
        }
        match missing.iter_mut().find(|(known, _)| *known == text) {
            Some((_, ids)) => ids.push(id),
            None => missing.push((text, vec![id])),
        }
    }
    reasons.extend(
        missing
            .iter()
            .map(|(text, ids)| format!("{} {text}", named(ids))),
    );
    let twice: Vec<&str> = fish
        .iter()
        .filter(|(_, one)| is_stored_twice(one, sources.stored))
        .map(|(id, _)| *id)
        .collect();
    if !twice.is_empty() {
        reasons.push(format!("{} stored more than once", named(&twice)));
    }
    reasons
}

/// `fish 7` or `3 fish (7, 8, 9)`, at most ten ids.
fn named(ids: &[&str]) -> String {
    const SHOWN: usize = 10;
    match ids {
        [id] => format!("fish {id}"),
        _ => {
            let more = if ids.len() > SHOWN { ", …" } else { "" };
            let shown = ids
                .iter()
                .take(SHOWN)
                .copied()
                .collect::<Vec<_>>()
                .join(", ");
            format!("{} fish ({shown}{more})", ids.len())
        }
    }
}
