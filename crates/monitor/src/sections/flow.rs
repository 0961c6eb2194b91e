//! The steps with rates and lags, and what is missing.

use maud::{Markup, html};
use observer::{Behind, Lag};

use super::table::Column::{Number, Text};
use super::table::table;
use super::words::{age, count};
use crate::state::{State, Step};

/// How many sentences on missing fish are shown.
const SHOWN: usize = 5;

/// The flow.
pub(super) fn section(state: &State) -> Markup {
    let fish = &state.report.fish;
    html! {
        (table(
            "flow-scroll",
            "Steps",
            &html! { "Steps of the fish that are remembered" },
            [Text("Step"), Number("Fish"), Number("Waiting"), Number("Per second"), Number("Newest")],
            state.steps.iter().map(row),
        ))
        p.note {
            (count(fish.duplicates)) " repeated records, " (count(fish.unreadable)) " that could not be read."
        }
        (lags(state))
        @if let Some(failure) = state.outside.stored.as_ref().and_then(|stored| stored.failure.as_ref()) {
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

fn row(step: &Step) -> [Markup; 5] {
    let known = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), count);
    let newest = step.traffic.and_then(|traffic| traffic.age);
    [
        html! {
            (step.name)
            @if let Some(topic) = step.topic { " " span.topic { (topic) } }
        },
        html! { (known(step.fish)) },
        html! { (known(step.waiting)) },
        html! {
            @match (step.topic, step.traffic) {
                (None, _) => "-",
                (_, None) => "no topic yet",
                (_, Some(traffic)) => (format!("{:.1}", traffic.per_second)),
            }
        },
        html! {
            @match (step.traffic, newest) {
                (None, _) => "-",
                (Some(_), None) => "none yet",
                (Some(_), Some(newest)) => (age(newest)),
            }
        },
    ]
}

fn behind(lag: &Lag) -> String {
    match &lag.records {
        Behind::Records(records) => count(*records),
        Behind::NothingCommitted => "nothing committed".to_owned(),
        Behind::Unknown(why) => format!("not known: {why}"),
    }
}

fn lags(state: &State) -> Markup {
    let answer = &state.outside.lags;
    let lags = answer.last.as_deref().map_or(&[][..], Vec::as_slice);
    html! {
        @if !lags.is_empty() {
            (table(
                "lag-scroll",
                "Consumer groups",
                &html! { "Consumer groups" },
                [Text("Group"), Text("Topic"), Number("Records behind")],
                lags.iter().map(|lag| [
                    html! { (lag.of.group) },
                    html! { (lag.of.topic) },
                    html! { (behind(lag)) },
                ]),
            ))
            @if let Some(failure) = &answer.failure {
                p.failure { "How far the groups are behind now is not known: " (failure) }
            }
        }
    }
}
