//! Dead letters.

use maud::{Markup, html};
use observer::DeadLetter;

use super::words::{clock, count};
use crate::state::State;

/// How many letters are shown.
const SHOWN: usize = 10;

/// How many there are, and the newest with their reasons.
pub(super) fn section(state: &State) -> Markup {
    html! {
        @if state.dead_letters.is_empty() {
            p { "None." }
        } @else {
            ul.plain {
                @for (topic, number) in &state.dead_letters {
                    li { strong { (count(*number)) } " on " span.topic { (topic) } }
                }
            }
            div.scroll id="letters-scroll" tabindex="0" role="region" aria-label="The newest dead letters" {
                table {
                    caption { "The newest, newest first" }
                    thead { tr {
                        th scope="col" { "Record" }
                        th scope="col" { "Reason" }
                    } }
                    tbody { @for letter in state.letters.iter().take(SHOWN) { (row(letter)) } }
                }
            }
            p.note { code { "catchweight replay" } " sends them back to where they came from." }
        }
    }
}

fn row(letter: &DeadLetter) -> Markup {
    let (partition, offset) = letter.place;
    html! {
        tr {
            th scope="row" {
                "fish " (letter.key.as_deref().unwrap_or("without a key"))
                div.note {
                    (letter.topic) " " (partition) ":" (offset)
                    @if let Some(time) = letter.time { ", " (clock(time)) }
                }
            }
            td.reason { (letter.reason.as_deref().unwrap_or("not told")) }
        }
    }
}
