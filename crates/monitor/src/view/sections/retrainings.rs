//! Triggers with their causes and outcomes.

use maud::{Markup, html};
use pipeline::{Definition, ErrorKind};
use report::{Report, Retraining, error_text, listed, printable};

use crate::state::State;
use crate::view::words::clock;

/// Maximum number of triggers shown.
const SHOWN: usize = 10;

pub(super) fn section(state: &State) -> Markup {
    let report = &state.report;
    let threshold = error_text(report.definition, Some(report.threshold));
    let all = &state.report.retrainings;
    html! {
        @if all.is_empty() {
            p { "No window's mean error has passed " (threshold) ". Nothing was retrained." }
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
                    @for one in all.iter().rev().take(SHOWN) { (row(one, report)) }
                }
            }
            @if all.len() > SHOWN { p.note { (all.len() - SHOWN) " older triggers are not shown." } }
        }
    }
}

fn row(one: &Retraining, report: &Report) -> Markup {
    let definition = report.definition;
    let points = match definition.error {
        ErrorKind::Relative => {
            let points = (one.error_avg - report.threshold) * 100.0;
            format!("{points:.1} points")
        }
        ErrorKind::Absolute => error_text(definition, Some(one.error_avg - report.threshold)),
    };
    let trigger = format!("{} {}", one.erring_version, one.window_start);
    html! {
        tr role="row" data-trigger=(trigger) {
            th scope="row" role="rowheader" {
                (clock(one.window_start)) " to " (clock(one.window_end))
                div.note { (definition.records) " " (printable(&one.first_key)) " to " (printable(&one.last_key)) }
            }
            td role="cell" {
                strong { (error_text(definition, Some(one.error_avg))) } ", "
                (points) " above " (error_text(definition, Some(report.threshold)))
                ul.plain.note {
                    @for line in one.cause.lines(definition) { li { (line) } }
                    li { "model " span.version { (one.erring_version) } }
                }
            }
            td role="cell" {
                span.badge data-outcome=(one.outcome.as_deref().unwrap_or("open")) {
                    (one.outcome.as_deref().unwrap_or("not decided yet"))
                }
                @if let (Some(version), Some(rows)) = (&one.version, one.rows) {
                    div.note {
                        "model " span.version { (version) } " on " (rows) " rows"
                        (trained_on(definition, &one.trained_groups))
                    }
                }
                (recovery(definition, one))
            }
        }
    }
}

/// The groups after a colon; empty if the pipeline has no group.
fn trained_on(definition: &Definition, groups: &[String]) -> String {
    let Some(_) = definition.group() else {
        return String::new();
    };
    format!(": {}", listed(groups))
}

fn recovery(definition: &Definition, one: &Retraining) -> Markup {
    html! {
        @if let (Some(drifted), Some(recovered), Some(count)) =
            (&one.first_record_drifted, &one.first_record_recovered, one.records_to_recovery)
        {
            div {
                "Recovered after " strong { (definition.counted(count)) }
                @if let Some(seconds) = one.event_seconds_to_recovery {
                    ", " (format!("{seconds:.0}")) " s"
                }
            }
            div.note { "from " (definition.record) " " (printable(drifted))
                " to " (definition.record) " " (printable(recovered)) }
        }
    }
}
