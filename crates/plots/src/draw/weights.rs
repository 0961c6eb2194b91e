//! Predicted against actual value: a panel for each model version, all on the same scales.

use std::collections::HashSet;

use pipeline::ErrorKind;

use super::canvas::{Canvas, Picture};
use super::columns::MANY;
use super::legend::{Mark, group_entries, point, shade, symbol};
use super::scale::{Scale, counted, plain, ticks};
use super::svg::{Anchor, Area, Element, px};
use super::text::{SMALL, STRONG, ellipsis, first_fitting, width};
use super::words::Words;
use crate::figure::Size;
use crate::marks::{Panel, WeightPoint, Weights};

/// Above this many records in a panel, points have no tooltips.
const TITLED: usize = 1_000;
const HEADING: f64 = 36.0;
const AXIS: f64 = 36.0;
const GAP: f64 = 14.0;
/// Width of the numbers left of a panel.
const LABELS: f64 = 34.0;
const SMALLEST: f64 = 90.0;

pub(crate) fn weights(weights: &Weights, size: Size) -> Picture {
    let words = weights.words;
    let title = format!(
        "Predicted against actual {}, by model version",
        words.target()
    );
    let mut canvas = Canvas::new(size, &title, &summary(weights));
    let panels = weights.panels.iter();
    let panels =
        panels.map(|panel| format!("Model {}: {}.", panel.version, describe(words, panel)));
    canvas.describe_newest(panels, "model versions");
    let mut entries = group_entries(&weights.groups);
    entries.push((Mark::Identity, "predicted = actual".to_owned()));
    let threshold = words.error(weights.threshold, 2);
    let within = format!("off by at most {threshold} (the threshold)");
    entries.push((Mark::Within, within));
    canvas.legend(&entries, HEADING + AXIS + SMALLEST);

    let (columns, rows) = grid(weights.panels.len(), canvas.rest(0.0));
    // If there is not enough room, the oldest versions are left out.
    let left_out = weights.panels.len() - (columns * rows).min(weights.panels.len());
    let across = canvas.rest(0.0).width() / columns as f64 - GAP - LABELS;
    canvas.notes(&notes(
        weights,
        left_out,
        axis_title(words, across).is_none(),
    ));
    let rest = canvas.rest(16.0);
    let limits = limits(weights);
    let (wide, high) = (rest.width() / columns as f64, rest.height() / rows as f64);
    for (at, panel) in weights.panels.iter().skip(left_out).enumerate() {
        let (row, column) = (at / columns, at % columns);
        let gap = if column + 1 < columns { GAP } else { 0.0 };
        let cell = Area {
            left: rest.left + column as f64 * wide,
            right: rest.left + (column + 1) as f64 * wide - gap,
            top: rest.top + row as f64 * high,
            bottom: rest.top + (row + 1) as f64 * high,
        };
        canvas.add(draw_panel(weights, panel, cell, limits));
    }
    canvas.finish()
}

fn summary(weights: &Weights) -> String {
    let words = weights.words;
    let points: usize = weights.panels.iter().map(|panel| panel.points.len()).sum();
    match weights.panels.len() {
        0 => format!(
            "No {} was both predicted and {}.",
            words.record(),
            words.actual_step()
        ),
        1 => format!("{}, one model version", words.counted(points as u64)),
        versions => {
            let records = words.counted(points as u64);
            format!("{records}, {versions} model versions, in the order of their first answer")
        }
    }
}

fn notes(weights: &Weights, left_out: usize, untitled: bool) -> Vec<String> {
    let words = weights.words;
    let mut notes = Vec::new();
    if untitled {
        let (target, unit) = (words.target(), words.unit(" in "));
        notes.push(format!(
            "Across: actual {target}{unit}; up: predicted {target}{unit}."
        ));
    }
    if left_out > 0 {
        let versions = counted(left_out as u64, "oldest version is", "oldest versions are");
        notes.push(format!(
            "The {versions} left out; a larger picture shows more."
        ));
    }
    if weights.incomplete > 0 {
        let records = words.counted(weights.incomplete as u64);
        let have = if weights.incomplete == 1 {
            "has"
        } else {
            "have"
        };
        notes.push(format!(
            "{records} {have} no prediction or no {}.",
            words.target()
        ));
    }
    notes
}

fn describe(words: Words, panel: &Panel) -> String {
    let records = words.0.counted(panel.points.len() as u64);
    match panel.mean_error {
        Some(error) => format!("{records}, mean error {}", words.error(error, 1)),
        None => records,
    }
}

/// The columns and rows with which the panels are largest.
fn grid(panels: usize, rest: Area) -> (usize, usize) {
    let fits = |room: f64, smallest: f64| ((room / smallest) as usize).max(1);
    let (most_columns, most_rows) = (
        fits(rest.width(), SMALLEST + 60.0),
        fits(rest.height(), SMALLEST + HEADING + AXIS),
    );
    let side = |columns: usize| {
        let rows = panels.div_ceil(columns).clamp(1, most_rows);
        let wide = rest.width() / columns as f64 - 50.0;
        let high = rest.height() / rows as f64 - HEADING - AXIS;
        ((columns * rows).min(panels), wide.min(high))
    };
    let best = (1..=most_columns.min(panels.max(1))).max_by(|one, other| {
        let ((shown, least), (other_shown, other_least)) = (side(*one), side(*other));
        shown.cmp(&other_shown).then(least.total_cmp(&other_least))
    });
    let columns = best.unwrap_or(1);
    (columns, panels.div_ceil(columns).clamp(1, most_rows))
}

/// The smallest and the largest value, with a margin.
fn limits(weights: &Weights) -> (f64, f64) {
    let points = weights.panels.iter().flat_map(|panel| &panel.points);
    let values = points.flat_map(|point| [point.actual, point.predicted]);
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        return (0.0, 1.0);
    }
    let apart = ((high - low) * 0.06).max(high.abs() * 0.02).max(1e-6);
    let below = low - apart;
    // The margin must not suggest negative values.
    let below = if low >= 0.0 { below.max(0.0) } else { below };
    (below, high + apart)
}

fn draw_panel(weights: &Weights, panel: &Panel, cell: Area, limits: (f64, f64)) -> Element {
    let area = Area {
        left: cell.left + LABELS,
        right: cell.right,
        top: cell.top + HEADING,
        bottom: cell.bottom - AXIS,
    };
    let x = Scale::linear(limits, (area.left, area.right));
    let y = Scale::linear(limits, (area.bottom, area.top));
    let mut elements = vec![within(weights, x, y, limits)];
    elements.extend(axes(weights.words, area, x, y, limits));
    let corner = |value: f64| (x.at(value), y.at(value));
    let (low, high) = (corner(limits.0), corner(limits.1));
    elements.push(Element::line("identity", low, high));
    let radius = (area.width() / (panel.points.len().max(1) as f64).sqrt() / 3.0).clamp(1.4, 3.6);
    let many = panel.points.len() > MANY;
    let mut drawn = HashSet::new();
    elements.extend(panel.points.iter().filter_map(|one| {
        let at = (x.at(one.actual), y.at(one.predicted));
        // Points of the same pixel cover each other.
        if many && !drawn.insert((shade(one.group), at.0 as i64, at.1 as i64)) {
            return None;
        }
        let mark = point(one.group, "", symbol(one.group, at, radius));
        match panel.points.len() <= TITLED {
            true => Some(mark.titled(tooltip(weights, one))),
            false => Some(mark),
        }
    }));
    elements.push(Element::rect("frame", area));
    let name = ellipsis(&format!("model {}", panel.version), STRONG, cell.width());
    elements.extend(name.map(|name| {
        let at = (area.left, cell.top + 13.0);
        Element::text("strong", at, Anchor::Start, name).titled(&panel.version)
    }));
    let mut texts = vec![describe(weights.words, panel)];
    if let Some(error) = panel.mean_error.map(|error| weights.words.error(error, 1)) {
        texts.extend([format!("mean error {error}"), error]);
    }
    if let Some(text) = first_fitting(&texts, SMALL, area.width()) {
        let at = (area.left, cell.top + 28.0);
        elements.push(Element::text("muted", at, Anchor::Start, text));
    }
    Element::group("panel", elements).with("data-version", &panel.version)
}

fn tooltip(weights: &Weights, point: &WeightPoint) -> String {
    let words = weights.words;
    let group = match words.group() {
        Some(_) => format!(", {}", weights.group_name(point.group)),
        None => String::new(),
    };
    let unit = words.unit(" ");
    format!(
        "{} {}{group}: predicted {}{unit}, actual {}{unit}",
        words.record(),
        point.id,
        plain(point.predicted, 3),
        plain(point.actual, 3)
    )
}

/// The area in which a prediction is off by at most the threshold.
fn within(weights: &Weights, x: Scale, y: Scale, (low, high): (f64, f64)) -> Element {
    let threshold = weights.threshold;
    // Pairs of actual and predicted value around the area, cut off at the panel's sides.
    let corners = match weights.words.0.error {
        ErrorKind::Relative => {
            let (above, below) = (1.0 + threshold, (1.0 - threshold).max(f64::MIN_POSITIVE));
            [
                (low, low),
                (low, low * above),
                (high / above, high),
                (high, high),
                (high, (high * below).max(low)),
                ((low / below).min(high), low),
            ]
        }
        ErrorKind::Absolute => {
            let apart = threshold.min(high - low);
            [
                (low, low),
                (low, low + apart),
                (high - apart, high),
                (high, high),
                (high, high - apart),
                (low + apart, low),
            ]
        }
    };
    let corners =
        corners.map(|(actual, predicted)| format!("{} {}", px(x.at(actual)), px(y.at(predicted))));
    Element::path("within", format!("M{}Z", corners.join("L")))
}

/// The title of both axes that fits.
fn axis_title(words: Words, room: f64) -> Option<String> {
    let (target, unit) = (words.target(), words.unit(", "));
    let short = match words.unit("") {
        none if none.is_empty() => none,
        unit => format!(" ({unit})"),
    };
    let texts = [
        format!("across: actual {target}{unit}; up: predicted {target}{unit}"),
        format!("across: actual{unit}; up: predicted{unit}"),
        format!("actual → predicted ↑{short}"),
    ];
    texts.into_iter().find(|text| width(text, SMALL) <= room)
}

fn axes(words: Words, area: Area, x: Scale, y: Scale, (low, high): (f64, f64)) -> Vec<Element> {
    let mut elements = Vec::new();
    let most = |room: f64| ((room / 46.0) as usize).clamp(3, 8);
    let label = |at, anchor, weight| Element::text("tick muted", at, anchor, plain(weight, 3));
    for weight in ticks(low, high, most(area.width())) {
        let at = x.at(weight);
        elements.push(Element::line("grid", (at, area.top), (at, area.bottom)));
        elements.push(label((at, area.bottom + 14.0), Anchor::Middle, weight));
    }
    for weight in ticks(low, high, most(area.height())) {
        let at = y.at(weight);
        elements.push(Element::line("grid", (area.left, at), (area.right, at)));
        elements.push(label((area.left - 6.0, at + 4.0), Anchor::End, weight));
    }
    if let Some(text) = axis_title(words, area.width()) {
        let at = ((area.left + area.right) / 2.0, area.bottom + 29.0);
        elements.push(Element::text("axis-title muted", at, Anchor::Middle, text));
    }
    elements
}
