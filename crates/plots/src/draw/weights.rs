//! Predicted against actual weight: a panel for each model version, all on the same scales.

use std::collections::HashSet;

use super::canvas::{Canvas, Picture};
use super::columns::MANY;
use super::legend::{Mark, point, species_entries, symbol};
use super::scale::{Scale, counted, percent, plain, ticks, whole};
use super::svg::{Anchor, Area, Element, px};
use super::text::{SMALL, STRONG, ellipsis, first_fitting, width};
use crate::figure::Size;
use crate::marks::{Panel, WeightPoint, Weights};

/// Above this many fish in a panel, points have no tooltips.
const TITLED: usize = 1_000;
const HEADING: f64 = 36.0;
const AXIS: f64 = 36.0;
const GAP: f64 = 14.0;
/// Width of the numbers left of a panel.
const LABELS: f64 = 34.0;
const SMALLEST: f64 = 90.0;

pub(crate) fn weights(weights: &Weights, size: Size) -> Picture {
    let title = "Predicted against actual weight, by model version";
    let mut canvas = Canvas::new(size, title, &summary(weights));
    let panels = weights.panels.iter();
    let panels = panels.map(|panel| format!("Model {}: {}.", panel.version, describe(panel)));
    canvas.describe_newest(panels, "model versions");
    let mut entries = species_entries(&weights.species);
    entries.push((Mark::Identity, "predicted = actual".to_owned()));
    let threshold = percent(weights.threshold, 2);
    let within = format!("off by at most {threshold} (the threshold)");
    entries.push((Mark::Within, within));
    canvas.legend(&entries, HEADING + AXIS + SMALLEST);

    let (columns, rows) = grid(weights.panels.len(), canvas.rest(0.0));
    // If there is not enough room, the oldest versions are left out.
    let left_out = weights.panels.len() - (columns * rows).min(weights.panels.len());
    let across = canvas.rest(0.0).width() / columns as f64 - GAP - LABELS;
    canvas.notes(&notes(weights, left_out, axis_title(across).is_none()));
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
    let fish: usize = weights.panels.iter().map(|panel| panel.points.len()).sum();
    match weights.panels.len() {
        0 => "No fish was both predicted and weighed.".to_owned(),
        1 => format!("{} fish, one model version", whole(fish as u64)),
        versions => {
            let fish = whole(fish as u64);
            format!("{fish} fish, {versions} model versions, in the order of their first answer")
        }
    }
}

fn notes(weights: &Weights, left_out: usize, untitled: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if untitled {
        notes.push("Across: actual weight in kg; up: predicted weight in kg.".to_owned());
    }
    if left_out > 0 {
        let versions = counted(left_out as u64, "oldest version is", "oldest versions are");
        notes.push(format!(
            "The {versions} left out; a larger picture shows more."
        ));
    }
    if weights.incomplete > 0 {
        let fish = counted(weights.incomplete as u64, "fish has", "fish have");
        notes.push(format!("{fish} no prediction or no weight."));
    }
    notes
}

fn describe(panel: &Panel) -> String {
    let fish = panel.points.len();
    panel.mean_error.map_or(format!("{fish} fish"), |error| {
        format!("{fish} fish, mean error {}", percent(error, 1))
    })
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

/// The smallest and the largest weight, with a margin.
fn limits(weights: &Weights) -> (f64, f64) {
    let points = weights.panels.iter().flat_map(|panel| &panel.points);
    let values = points.flat_map(|point| [point.actual_kg, point.predicted_kg]);
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        return (0.0, 1.0);
    }
    let apart = ((high - low) * 0.06).max(high.abs() * 0.02).max(1e-6);
    let below = low - apart;
    // The margin must not suggest negative weights.
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
    let mut elements = vec![within(weights.threshold, x, y, limits)];
    elements.extend(axes(area, x, y, limits));
    let corner = |value: f64| (x.at(value), y.at(value));
    let (low, high) = (corner(limits.0), corner(limits.1));
    elements.push(Element::line("identity", low, high));
    let radius = (area.width() / (panel.points.len().max(1) as f64).sqrt() / 3.0).clamp(1.4, 3.6);
    let many = panel.points.len() > MANY;
    let mut drawn = HashSet::new();
    elements.extend(panel.points.iter().filter_map(|fish| {
        let at = (x.at(fish.actual_kg), y.at(fish.predicted_kg));
        // Points of the same pixel cover each other.
        if many && !drawn.insert((fish.species, at.0 as i64, at.1 as i64)) {
            return None;
        }
        let mark = point(fish.species, "", symbol(fish.species, at, radius));
        match panel.points.len() <= TITLED {
            true => Some(mark.titled(tooltip(weights, fish))),
            false => Some(mark),
        }
    }));
    elements.push(Element::rect("frame", area));
    let name = ellipsis(&format!("model {}", panel.version), STRONG, cell.width());
    elements.extend(name.map(|name| {
        let at = (area.left, cell.top + 13.0);
        Element::text("strong", at, Anchor::Start, name).titled(&panel.version)
    }));
    let mut texts = vec![describe(panel)];
    if let Some(error) = panel.mean_error.map(|error| percent(error, 1)) {
        texts.extend([format!("mean error {error}"), error]);
    }
    if let Some(text) = first_fitting(&texts, SMALL, area.width()) {
        let at = (area.left, cell.top + 28.0);
        elements.push(Element::text("muted", at, Anchor::Start, text));
    }
    Element::group("panel", elements).with("data-version", &panel.version)
}

fn tooltip(weights: &Weights, point: &WeightPoint) -> String {
    format!(
        "fish {}, {}: predicted {} kg, actual {} kg",
        point.id,
        weights.species_name(point.species),
        plain(point.predicted_kg, 3),
        plain(point.actual_kg, 3)
    )
}

/// The area in which a prediction is off by at most the threshold.
fn within(threshold: f64, x: Scale, y: Scale, (low, high): (f64, f64)) -> Element {
    let (above, below) = (1.0 + threshold, (1.0 - threshold).max(f64::MIN_POSITIVE));
    // Pairs of actual and predicted weight around the area, cut off at the panel's sides.
    let corners = [
        (low, low),
        (low, low * above),
        (high / above, high),
        (high, high),
        (high, (high * below).max(low)),
        ((low / below).min(high), low),
    ];
    let corners =
        corners.map(|(actual, predicted)| format!("{} {}", px(x.at(actual)), px(y.at(predicted))));
    Element::path("within", format!("M{}Z", corners.join("L")))
}

/// The title of both axes that fits.
fn axis_title(room: f64) -> Option<&'static str> {
    let texts = [
        "across: actual weight, kg; up: predicted weight, kg",
        "across: actual, kg; up: predicted, kg",
        "actual → predicted ↑ (kg)",
    ];
    texts.into_iter().find(|text| width(text, SMALL) <= room)
}

fn axes(area: Area, x: Scale, y: Scale, (low, high): (f64, f64)) -> Vec<Element> {
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
    if let Some(text) = axis_title(area.width()) {
        let at = ((area.left + area.right) / 2.0, area.bottom + 29.0);
        elements.push(Element::text("axis-title muted", at, Anchor::Middle, text));
    }
    elements
}
