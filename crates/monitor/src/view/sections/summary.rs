//! The headline and the main figures.

use maud::{Markup, html};
use report::percent;

use super::parts::all;
use crate::state::{State, date_and_clock};
use crate::view::words::{count, no_break};

/// Maximum number of species of the live model that are listed.
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
        // Without Kafka, newer fish are not seen.
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
    let threshold = state.report.threshold;
    let high = progress.mean_error.is_some_and(|error| error > threshold);
    let triggers = state.report.retrainings.len() as u64;
    let recovered = state.report.retrainings.iter();
    let recovered = recovered.filter(|one| one.first_fish_recovered.is_some());
    let live = state.collected.live.latest.as_ref();
    html! {
        dl.figures {
            div.figure.alarm[high] {
                dt { "Mean error, last ten fish" }
                dd { (percent(progress.mean_error)) }
                dd.note { "threshold " (percent(Some(threshold))) @if high { ": above" } }
            }
            div.figure {
                dt { "Live model" }
                dd.version { (live.map_or("-", |live| live.model_version.as_str())) }
                dd.note {
                    @if let Some(live) = live {
                        (count(live.rows)) " rows" (trained_on(&live.groups))
                        @if live.pinned { "; pinned" }
                    } @else { "unknown" }
                }
            }
            div.figure {
                dt { "Fish measured" }
                dd { (count(progress.steps.measured)) }
                dd.note { (count(progress.steps.weighed)) " weighed" }
            }
            div.figure {
                dt { "Triggers" }
                dd { (count(triggers)) }
                dd.note { (ended(recovered.count())) }
            }
        }
    }
}

/// The section of the live model lists all species.
fn trained_on(species: &[String]) -> String {
    match species.len() {
        0..=LISTED => format!(": {}", species.join(", ")),
        more => format!(" of {more} species"),
    }
}

fn ended(drifts: usize) -> String {
    match drifts {
        1 => "1 drift ended".to_owned(),
        _ => format!("{drifts} drifts ended"),
    }
}
