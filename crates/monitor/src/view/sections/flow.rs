//! The steps of the pipeline, consumer lag, and missing records.

use maud::{Markup, html};
use observer::{Behind, Lag};
use pipeline::definition::capitalized;
use report::printable;

use super::table::Column::{Number, Text};
use super::table::table;
use crate::state::{State, Step};
use crate::view::words::{age, count};

/// Maximum number of sentences about missing records.
const SHOWN: usize = 5;

pub(super) fn section(state: &State) -> Markup {
    let counts = &state.report.records;
    let records = &state.report.definition.records;
    let heading = capitalized(records);
    html! {
        (table(
            "flow-scroll",
            "Steps",
            &html! { "The newest " (records) " by pipeline step" },
            [Text("Step"), Number(&heading), Number("Waiting"), Number("Per second"), Number("Newest")],
            state.steps.iter().map(row),
        ))
        p.note {
            "Duplicate records: " (count(counts.duplicates)) ". Unreadable records: " (count(counts.unreadable)) "."
        }
        (lags(state))
        @if let Some(failure) = state.collected.stored.as_ref().and_then(|stored| stored.failure.as_ref()) {
            p.failure { "The store cannot be read: " (failure) }
        }
        @if !state.missing.is_empty() {
            div.failure {
                p { "Not accounted for:" }
                ul {
                    @for one in state.missing.iter().take(SHOWN) { li { (printable(one)) } }
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
        html! { (known(step.records)) },
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
        Behind::Unknown(why) => format!("unknown: {why}"),
    }
}

fn lags(state: &State) -> Markup {
    let answer = &state.collected.lags;
    let lags = answer.latest.as_deref().map_or(&[][..], Vec::as_slice);
    html! {
        @if !lags.is_empty() {
            (table(
                "lag-scroll",
                "Consumer groups",
                &html! { "Consumer groups" },
                [Text("Group"), Text("Topic"), Number("Lag, records")],
                lags.iter().map(|lag| [
                    html! { (lag.of.group) },
                    html! { (lag.of.topic) },
                    html! { (behind(lag)) },
                ]),
            ))
            @if let Some(failure) = &answer.failure {
                p.failure { "The current lag is unknown: " (failure) }
            }
        }
    }
}
