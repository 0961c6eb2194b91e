//! The steps from a trigger to recovery, one function each.

use super::element::{Anchor, Area, Element};
use super::events::Events;
use super::font::{SMALL, first_fitting, width};
use super::lanes::{Row, bar, beside};
use super::legend::{bracket, head};
use super::points::radius;
use super::scale::{counted, percent, plain};
use super::words::outcome;
use crate::marks::{RetrainingMarks, Span};

/// The window's bar; where nothing was trained, why not beside it.
pub(crate) fn trigger(
    events: &Events<'_>,
    one: &RetrainingMarks,
    row: Row,
    until: f64,
) -> Vec<Element> {
    let Some(span) = one.window.span else {
        return Vec::new();
    };
    let mean = percent(one.window.mean_error, 1);
    let fish: usize = one.window.by_species.iter().map(|share| share.fish).sum();
    let mut texts = Vec::new();
    if let [worst, _, ..] = one.window.by_species.as_slice() {
        let shares = format!("{} of {fish} {}", worst.fish, worst.species);
        texts.push(format!("mean {mean}, {shares}"));
    }
    texts.extend([
        format!("mean {mean}, {fish} fish"),
        format!("mean {mean}"),
        mean,
    ]);
    let mut elements = bar("window", events, span, (row, until), &texts);
    if one.retrained.is_none() {
        let (_, right) = events.across(span);
        elements.extend(beside(&[outcome(one)], row, right + 5.0, until));
    }
    elements
}

/// The rows' bar, and the retraining: its head beside the rows, what came of it, and where it is to go
/// across the plot, a line.
pub(crate) fn training(
    events: &Events<'_>,
    one: &RetrainingMarks,
    (row, until): (Row, f64),
    across: bool,
) -> Vec<Element> {
    let mut elements = Vec::new();
    if let Some(training) = &one.training {
        let fish = (training.span.last - training.span.first + 1) as u64;
        let rows = counted(training.rows, "row", "rows");
        let mut texts = vec![rows];
        if fish > training.rows {
            texts.insert(0, format!("{} out of these {fish} fish", training.rows));
        }
        elements.extend(bar("training", events, training.span, (row, until), &texts));
    }
    if let Some(retrained) = one.retrained {
        let x = events.after(retrained.after);
        let end = if across {
            events.area.bottom
        } else {
            row.bottom
        };
        let line = Element::line("retrained", (x, row.middle()), (x, end))
            .with("data-after", events.timeline.id(retrained.after))
            .titled(outcome(one));
        elements.extend([line, head((x, row.middle()))]);
        let mut texts = vec![outcome(one)];
        texts.extend(one.outcome.clone());
        elements.extend(beside(&texts, row, x + 9.0, until));
    }
    elements
}

/// The window in the plot, with its mean as a line.
pub(crate) fn shade(events: &Events<'_>, one: &RetrainingMarks, shaded: bool) -> Element {
    let Some(span) = one.window.span else {
        return Element::group("shade", Vec::new());
    };
    let (left, right) = events.across(span);
    let area = Area {
        left,
        right,
        ..events.area
    };
    let y = events.y(one.window.mean_error);
    let edge = |x| Element::line("window-edge", (x, area.top), (x, area.bottom));
    let mut elements = vec![Element::line("window-mean", (left, y), (right, y))];
    // A trigger that changed nothing keeps to its lane.
    if shaded && one.retrained.is_some() {
        elements.extend([Element::rect("window-shade", area), edge(left), edge(right)]);
    }
    Element::group("shade", elements)
}

/// From drift to recovery, with how many fish and how long it took.
pub(crate) fn recovery(
    events: &Events<'_>,
    one: &RetrainingMarks,
    row: Row,
    until: f64,
) -> Vec<Element> {
    let Some(recovery) = one.recovery else {
        return Vec::new();
    };
    let Span { first, last } = recovery.span;
    let (left, right) = (events.x(first), events.x(last));
    let mut texts = vec![format!("{} fish", recovery.fish)];
    if let Some(seconds) = recovery.event_seconds {
        texts.insert(
            0,
            format!("{} fish, {} s", recovery.fish, plain(seconds, 1)),
        );
    }
    let longest = texts.first().cloned().unwrap_or_default();
    let mut elements = vec![
        events
            .of_fish(bracket((left, right), row.middle()), recovery.span)
            .titled(format!("from drift to recovery: {longest}")),
    ];
    let inside = right - left - 16.0;
    if let Some(text) = first_fitting(&texts, SMALL, inside) {
        let (middle, half) = ((left + right) / 2.0, width(text, SMALL) / 2.0 + 4.0);
        let area = Area {
            left: middle - half,
            right: middle + half,
            top: row.top,
            bottom: row.bottom,
        };
        elements.push(Element::rect("surface", area));
        let at = (middle, row.middle() + 4.0);
        elements.push(Element::text("bar-label", at, Anchor::Middle, text));
    } else {
        elements.extend(beside(&texts, row, right + 6.0, until));
    }
    elements
}

/// A ring around the first fish that each new version answered.
pub(crate) fn firsts(events: &Events<'_>) -> Vec<Element> {
    let mut elements = Vec::new();
    for one in &events.timeline.retrainings {
        let Some(fish) = one
            .first_answered
            .and_then(|position| events.timeline.at(position))
        else {
            continue;
        };
        let at = (
            events.x(fish.position),
            events.y(fish.error.unwrap_or_default()),
        );
        let version = one.version.as_deref().unwrap_or_default();
        elements.push(
            Element::circle("first", at, radius(events) + 3.2)
                .with("data-fish", &fish.id)
                .titled(format!(
                    "fish {}: the first that model {version} answered",
                    fish.id
                )),
        );
    }
    elements
}
