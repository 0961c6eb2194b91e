//! Dead letters.

use maud::{Markup, html};
use observer::DeadLetter;
use report::printable;

use super::table::Column::Text;
use super::table::table;
use crate::state::State;
use crate::view::words::{clock, count};

/// Maximum number of dead letters shown.
const SHOWN: usize = 10;

pub(super) fn section(state: &State) -> Markup {
    html! {
        @if state.dead_letters.is_empty() {
            p { "No dead letters." }
        } @else {
            ul.plain {
                @for (topic, number) in &state.dead_letters {
                    li {
                        strong { (count(*number)) } " on " span.topic { (topic) }
                        div.note { code { "catchweight replay --topic " (topic) } }
                    }
                }
            }
            (table(
                "dead-letters-scroll",
                "The newest dead letters",
                &html! { "Newest first" },
                [Text("Record"), Text("Reason")],
                state.newest_dead_letters
                    .iter()
                    .take(SHOWN)
                    .map(|one| row(&state.report.definition.record, one)),
            ))
            p.note { "A replay sends each of them back to its topic once." }
        }
    }
}

fn row(record: &str, dead_letter: &DeadLetter) -> [Markup; 2] {
    let (partition, offset) = dead_letter.place;
    [
        html! {
            (record) " " (printable(dead_letter.key.as_deref().unwrap_or("without a key")))
            div.note {
                (dead_letter.topic) " " (partition) ":" (offset)
                @if let Some(time) = dead_letter.time { ", " (clock(time)) }
            }
        },
        html! { (printable(dead_letter.reason.as_deref().unwrap_or("no reason given"))) },
    ]
}
