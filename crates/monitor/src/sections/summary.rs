//! Where the pipeline stands, and the main figures.

use maud::{Markup, html};
use report::percent;

use super::parts::all;
use super::words::{count, date_and_clock, unbroken};
use crate::state::State;

/// How many species of the live model are named among the main figures.
const NAMED: usize = 3;

/// One sentence, and which parts are down: read out when it changes.
pub(super) fn standing(state: &State) -> Markup {
    let standing = &state.standing;
    let parts = all(state);
    let down: Vec<&str> = parts
        .iter()
        .filter(|part| part.is_down())
        .map(|part| part.name.as_str())
        .collect();
    html! {
        // Without Kafka nothing is known of the fish since.
        @let stale = state.outside.brokers.failure.is_some();
        p.condition.stale[stale] data-condition=(standing.condition.name()) {
            @if stale { "Last known: " }
            (standing.condition.word())
        }
        @if !down.is_empty() {
            p.down { a href="#parts-heading" { "Down" } ": " (down.join(", ")) }
        }
        p.sentence { (unbroken(&standing.sentence)) }
    }
}

/// When the page was this.
pub(super) fn asof(state: &State) -> Markup {
    html! { "As of " time datetime=(state.at) { (date_and_clock(state.at)) } " UTC" }
}

/// The numbers that people look for first.
pub(super) fn figures(state: &State) -> Markup {
    let progress = &state.progress;
    let threshold = state.report.threshold;
    let high = progress.mean_error.is_some_and(|error| error > threshold);
    let triggers = state.report.retrainings.len() as u64;
    let recovered = state.report.retrainings.iter();
    let recovered = recovered.filter(|one| one.first_fish_recovered.is_some());
    let live = state.outside.live.last.as_ref();
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
                        (count(live.rows)) " rows" (known(&live.species))
                        @if live.pinned { "; pinned" }
                    } @else { "not known" }
                }
            }
            div.figure {
                dt { "Fish measured" }
                dd { (count(progress.measured)) }
                dd.note { (count(progress.weighed)) " weighed" }
            }
            div.figure {
                dt { "Triggers" }
                dd { (count(triggers)) }
                dd.note { (ended(recovered.count())) }
            }
        }
    }
}

/// The species by their names, as far as they are few; the section of the model has them all.
fn known(species: &[String]) -> String {
    match species.len() {
        0..=NAMED => format!(": {}", species.join(", ")),
        more => format!(" of {more} species"),
    }
}

fn ended(drifts: usize) -> String {
    match drifts {
        1 => "1 drift ended".to_owned(),
        _ => format!("{drifts} drifts ended"),
    }
}
