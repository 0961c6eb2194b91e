//! Triggers with their causes and outcomes.

use maud::{Markup, html};
use report::{Retraining, percent};

use crate::state::State;
use crate::view::words::clock;

/// Maximum number of triggers shown.
const SHOWN: usize = 10;

pub(super) fn section(state: &State) -> Markup {
    let threshold = state.report.threshold;
    let all = &state.report.retrainings;
    html! {
        @if all.is_empty() {
            p { "No window's mean error has passed " (percent(Some(threshold))) ". Nothing was retrained." }
        } @else {
            // On a narrow page cells are stacked. The roles keep it a table for screen readers.
            table.stacked role="table" {
                caption { "Triggers, newest first" }
                thead role="rowgroup" { tr role="row" {
                    th scope="col" role="columnheader" { "Window" }
                    th scope="col" role="columnheader" { "Cause" }
                    th scope="col" role="columnheader" { "Outcome" }
                } }
                tbody role="rowgroup" {
                    @for one in all.iter().rev().take(SHOWN) { (row(one, threshold)) }
                }
            }
            @if all.len() > SHOWN { p.note { (all.len() - SHOWN) " older triggers are not shown." } }
        }
    }
}

fn row(one: &Retraining, threshold: f64) -> Markup {
    let points = (one.error_avg - threshold) * 100.0;
    let trigger = format!("{} {}", one.erring_version, one.window_start);
    html! {
        tr role="row" data-trigger=(trigger) {
            th scope="row" role="rowheader" {
                (clock(one.window_start)) " to " (clock(one.window_end))
                div.note { "fish " (one.fish_id_start) " to " (one.fish_id_end) }
            }
            td role="cell" {
                strong { (percent(Some(one.error_avg))) } ", "
                (format!("{points:.1}")) " points above " (percent(Some(threshold)))
                ul.plain.note {
                    @for line in one.cause.lines() { li { (line) } }
                    li { "model " span.version { (one.erring_version) } }
                }
            }
            td role="cell" {
                span.badge data-outcome=(one.outcome.as_deref().unwrap_or("open")) {
                    (one.outcome.as_deref().unwrap_or("not decided yet"))
                }
                @if let (Some(version), Some(rows)) = (&one.version, one.rows) {
                    div.note {
                        "model " span.version { (version) } " on " (rows) " rows: "
                        (one.trained_species.join(", "))
                    }
                }
                (recovery(one))
            }
        }
    }
}

fn recovery(one: &Retraining) -> Markup {
    html! {
        @if let (Some(drifted), Some(recovered), Some(fish)) =
            (&one.first_fish_drifted, &one.first_fish_recovered, one.fish_to_recovery)
        {
            div {
                "Recovered after " strong { (fish) " fish" }
                @if let Some(seconds) = one.event_seconds_to_recovery {
                    ", " (format!("{seconds:.0}")) " s"
                }
            }
            div.note { "from fish " (drifted) " to fish " (recovered) }
        }
    }
}
