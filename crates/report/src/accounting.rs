//! Accounts for every record: which steps each record passed, and which it missed.

use pipeline::Definition;

use crate::build::Sources;
use crate::ledger::{Account, Selection};
use crate::report::RecordCounts;

/// Whether a record passed a step.
type Passed = fn(&Account, &Selection) -> bool;

/// The steps of the pipeline in order.
fn steps(definition: &Definition) -> [(&str, Passed); 5] {
    [
        ("measured", |one, _| one.measured().is_some()),
        ("predicted", |one, _| one.predicted().is_some()),
        (&definition.actual_step, |one, _| one.weighed().is_some()),
        ("joined", |one, _| one.joined().is_some()),
        ("stored", |one, selection| selection.is_stored(one)),
    ]
}

fn count(records: &[&Account], is_so: impl Fn(&Account) -> bool) -> u64 {
    records.iter().filter(|one| is_so(one)).count() as u64
}

pub(crate) fn counts(records: &[&Account], sources: &Sources<'_>) -> RecordCounts {
    let [measured, predicted, weighed, joined, stored] = steps(sources.ledger.definition())
        .map(|(_, passed)| count(records, |one| passed(one, &sources.selection)));
    RecordCounts {
        measured,
        predicted,
        weighed,
        joined,
        stored: sources.selection.store_is_known.then_some(stored),
        duplicates: records.iter().map(|one| one.duplicates()).sum(),
        dead_letters: sources.ledger.dead_letters().values().sum(),
        unreadable: sources.ledger.unreadable().values().sum(),
    }
}

/// The steps that the selected records missed, in words; empty if every record is accounted for.
pub fn missing(sources: &Sources<'_>) -> Vec<String> {
    unaccounted(&sources.records(), sources)
}

/// Records that missed a step, grouped by the first step they missed, and records stored twice.
pub(crate) fn unaccounted(records: &[&Account], sources: &Sources<'_>) -> Vec<String> {
    let definition = sources.ledger.definition();
    let mut reasons = Vec::new();
    let measured = count(records, |one| one.measured().is_some());
    match sources.planned {
        Some(planned) if planned != measured => {
            reasons.push(format!(
                "{} planned, {measured} measured",
                definition.counted(planned)
            ));
        }
        None if measured == 0 => reasons.push(format!("no {} was measured", definition.record)),
        _ => {}
    }
    let dead = sources.ledger.dead_letters_by_key();
    let mut missing: Vec<(String, Vec<&str>)> = Vec::new();
    let steps = steps(definition);
    for one in records {
        let missed = |(_, passed): &&(&str, Passed)| !passed(one, &sources.selection);
        let Some((first_missed, _)) = steps.iter().find(missed) else {
            continue;
        };
        let last_seen = steps.iter().rfind(|step| !missed(step));
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
    reasons.extend(missing.map(|(text, ids)| format!("{} {text}", named(definition, ids))));
    let twice = records.iter().filter(|one| one.is_stored_twice());
    let twice: Vec<&str> = twice.map(|one| one.id()).collect();
    if !twice.is_empty() {
        reasons.push(format!(
            "{} stored more than once",
            named(definition, &twice)
        ));
    }
    reasons
}

/// The record's name and its key, or how many there are and at most ten keys: `3 deliveries (7, 8, 9)`.
fn named(definition: &Definition, ids: &[&str]) -> String {
    const SHOWN: usize = 10;
    match ids {
        [id] => format!("{} {id}", definition.record),
        _ => {
            let more = if ids.len() > SHOWN { ", …" } else { "" };
            let shown: Vec<_> = ids.iter().take(SHOWN).copied().collect();
            let counted = definition.counted(ids.len() as u64);
            format!("{counted} ({}{more})", shown.join(", "))
        }
    }
}
