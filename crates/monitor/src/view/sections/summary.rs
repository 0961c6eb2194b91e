//! The headline and the main figures.

use maud::{Markup, html};
use pipeline::Definition;
use pipeline::definition::capitalized;
use report::{error_text, printable};

use super::parts::all;
use crate::state::{State, date_and_clock};
use crate::view::words::{count, no_break, plural};

/// Maximum number of groups of the live model that are listed.
const LISTED: usize = 3;

/// Screen readers announce its changes.
pub(super) fn status(state: &State) -> Markup {
    let (word, name) = state.status.condition.words();
    let parts = all(state);
    let down: Vec<&str> = parts
        .iter()
        .filter(|part| part.is_down())
        .map(|part| part.name.as_str())
        .collect();
    html! {
        // Without Kafka, newer records are not seen.
        @let stale = state.collected.brokers.failure.is_some();
        p.condition.stale[stale] data-condition=(name) {
            @if stale { "Last known: " }
            (word)
        }
        @if !down.is_empty() {
            p.down { a href="#parts-heading" { "Down" } ": " (down.join(", ")) }
        }
        p.sentence { (no_break(&state.status.sentence)) }
    }
}

pub(super) fn asof(state: &State) -> Markup {
    html! { "As of " time datetime=(state.at) { (date_and_clock(state.at)) } " UTC" }
}

pub(super) fn figures(state: &State) -> Markup {
    let progress = &state.progress;
    let definition = state.report.definition;
    let threshold = state.report.threshold;
    let high = progress.mean_error.is_some_and(|error| error > threshold);
    let triggers = state.report.retrainings.len() as u64;
    let recovered = state.report.retrainings.iter();
    let recovered = recovered.filter(|one| one.first_record_recovered.is_some());
    let live = state.collected.live.latest.as_ref();
    html! {
        dl.figures {
            div.figure.alarm[high] {
                dt { "Mean error, last ten " (definition.records) }
                dd { (error_text(definition, progress.mean_error)) }
                dd.note { "threshold " (error_text(definition, Some(threshold))) @if high { ": above" } }
            }
            div.figure {
                dt { "Live model" }
                dd.version { (live.map_or("-", |live| live.model_version.as_str())) }
                dd.note {
                    @if let Some(live) = live {
                        (count(live.rows)) " rows" (trained_on(definition, &live.groups))
                        @if live.pinned { "; pinned" }
                    } @else { "unknown" }
                }
            }
            div.figure {
                dt { (capitalized(&definition.records)) " measured" }
                dd { (count(progress.steps.measured)) }
                dd.note { (count(progress.steps.weighed)) " " (definition.actual_step) }
            }
            div.figure {
                dt { "Triggers" }
                dd { (count(triggers)) }
                dd.note { (ended(recovered.count())) }
            }
        }
    }
}

/// The section of the live model lists all groups.
fn trained_on(definition: &Definition, groups: &[String]) -> String {
    let Some(group) = definition.group() else {
        return String::new();
    };
    match groups.len() {
        0..=LISTED => {
            let groups: Vec<_> = groups.iter().map(|group| printable(group)).collect();
            format!(": {}", groups.join(", "))
        }
        more => format!(" of {more} {}", plural(&group.name)),
    }
}

fn ended(drifts: usize) -> String {
    match drifts {
        1 => "1 drift ended".to_owned(),
        _ => format!("{drifts} drifts ended"),
    }
}
