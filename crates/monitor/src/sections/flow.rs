//! The steps with rates and lags, and what is missing.

use maud::{Markup, html};

use super::words::{age, count};
use crate::state::{State, Step};

/// How many sentences on missing fish are shown.
const SHOWN: usize = 5;

/// The flow.
pub(super) fn section(state: &State) -> Markup {
    let fish = &state.report.fish;
    html! {
        div.scroll id="flow-scroll" tabindex="0" role="region" aria-label="Steps" {
            table {
                caption { "Steps of the fish that are remembered" }
                thead { tr {
                    th scope="col" { "Step" }
                    th.number scope="col" { "Fish" }
                    th.number scope="col" { "Waiting" }
                    th.number scope="col" { "Per second" }
                    th.number scope="col" { "Newest" }
                } }
                tbody { @for step in &state.steps { (row(step)) } }
            }
        }
        p.note {
            (count(fish.duplicates)) " repeated records, " (count(fish.unreadable)) " that could not be read."
        }
        (lags(state))
        @if let Some(failure) = &state.outside.store_failure {
            p.failure { "The store cannot be read: " (failure) }
        }
        @if !state.missing.is_empty() {
            div.failure {
                p { "Not accounted for:" }
                ul {
                    @for one in state.missing.iter().take(SHOWN) { li { (one) } }
                }
            }
        }
    }
}

fn row(step: &Step) -> Markup {
    let known = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), count);
    let newest = step.traffic.and_then(|traffic| traffic.age);
    html! {
        tr {
            th scope="row" {
                (step.name)
                @if let Some(topic) = step.topic { " " span.topic { (topic) } }
            }
            td.number { (known(step.fish)) }
            td.number { (known(step.waiting)) }
            td.number {
                @match (step.topic, step.traffic) {
                    (None, _) => "-",
                    (_, None) => "no topic yet",
                    (_, Some(traffic)) => (format!("{:.1}", traffic.per_second)),
                }
            }
            td.number { (newest.map_or_else(|| "-".to_owned(), age)) }
        }
    }
}

fn lags(state: &State) -> Markup {
    let cluster = &state.outside.cluster;
    let lags = cluster.last.as_ref().map_or(&[][..], |look| &look.lags);
    html! {
        @if !lags.is_empty() {
            div.scroll id="lag-scroll" tabindex="0" role="region" aria-label="Consumer groups" {
                table {
                    caption { "Consumer groups" }
                    thead { tr {
                        th scope="col" { "Group" }
                        th scope="col" { "Topic" }
                        th.number scope="col" { "Records behind" }
                    } }
                    tbody {
                        @for lag in lags {
                            tr {
                                th scope="row" { (lag.of.group) }
                                td { (lag.of.topic) }
                                td.number { (lag.records.map_or_else(|| "nothing committed".to_owned(), count)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
