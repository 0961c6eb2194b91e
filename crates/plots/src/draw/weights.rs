//! Predicted against actual weight: one panel for each model version, on the same scales.

use super::element::{Anchor, Area, Element, px};
use super::font::{SMALL, STRONG, ellipsis, first_fitting, width};
use super::legend::{Entry, Mark, species_entries};
use super::page::{Page, Picture};
use super::scale::{Scale, Spread, counted, percent, plain, ticks, whole};
use super::symbol::{colour, symbol};
use crate::figure::Size;
use crate::marks::{Panel, WeightPoint, Weights};

/// Above this many fish in a panel, points have no titles.
const TITLED: usize = 1_000;
const HEADING: f64 = 36.0;
const AXIS: f64 = 36.0;
const GAP: f64 = 14.0;
/// Width of the numbers at the left of a panel.
const LABELS: f64 = 34.0;
const SMALLEST: f64 = 90.0;

/// The figure.
pub(crate) fn weights(weights: &Weights, size: Size) -> Picture {
    let title = "Predicted against actual weight, by model version";
    let mut page = Page::new(size, title, &sentence(weights));
    let panels = weights.panels.iter();
    let panels = panels.map(|panel| format!("Model {}: {}.", panel.version, said_of(panel)));
    page.describe_newest(panels, "model versions");
    let mut entries = species_entries(&weights.species);
    entries.push(Entry::new(Mark::Identity, "predicted = actual"));
    let within = format!(
        "off by at most {} (the threshold)",
        percent(weights.threshold, 2)
    );
    entries.push(Entry::new(Mark::Within, within));
    page.key(&entries, HEADING + AXIS + SMALLEST);

    let (columns, rows) = grid(weights.panels.len(), page.rest(0.0));
    // The newest versions are what a reader needs most.
    let left_out = weights.panels.len() - (columns * rows).min(weights.panels.len());
    let across = page.rest(0.0).width() / columns as f64 - GAP - LABELS;
    page.notes(&notes(weights, left_out, axis_title(across).is_none()));
    let rest = page.rest(16.0);
    let limits = limits(weights);
    for (at, panel) in weights.panels.iter().skip(left_out).enumerate() {
        let (row, column) = (at / columns, at % columns);
        let (wide, high) = (rest.width() / columns as f64, rest.height() / rows as f64);
        let cell = Area {
            left: rest.left + column as f64 * wide,
            right: rest.left + (column + 1) as f64 * wide
                - if column + 1 < columns { GAP } else { 0.0 },
            top: rest.top + row as f64 * high,
            bottom: rest.top + (row + 1) as f64 * high,
        };
        page.add(draw_panel(weights, panel, cell, limits));
    }
    page.finish()
}

fn sentence(weights: &Weights) -> String {
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
        let fish = counted(weights.incomplete as u64, "fish lacks", "fish lack");
        notes.push(format!("{fish} a prediction or a weight."));
    }
    notes
}

fn said_of(panel: &Panel) -> String {
    let fish = panel.points.len();
    panel.mean_error.map_or(format!("{fish} fish"), |error| {
        format!("{fish} fish, mean error {}", percent(error, 1))
    })
}

/// Columns and rows that give panels the most room.
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

/// The smallest and the largest weight, a little apart from the edges.
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
    // Room below zero would say that there are negative weights.
    (
        if low >= 0.0 { below.max(0.0) } else { below },
        high + apart,
    )
}

fn draw_panel(weights: &Weights, panel: &Panel, cell: Area, limits: (f64, f64)) -> Element {
    let area = Area {
        left: cell.left + LABELS,
        right: cell.right,
        top: cell.top + HEADING,
        bottom: cell.bottom - AXIS,
    };
    let x = Scale::new(Spread::Linear, limits, (area.left, area.right));
    let y = Scale::new(Spread::Linear, limits, (area.bottom, area.top));
    let mut elements = vec![within(weights.threshold, x, y, limits)];
    elements.extend(axes(area, x, y, limits));
    let corner = |value: f64| (x.at(value), y.at(value));
    elements.push(Element::line(
        "identity",
        corner(limits.0),
        corner(limits.1),
    ));
    let radius = (area.width() / (panel.points.len().max(1) as f64).sqrt() / 3.0).clamp(1.4, 3.6);
    elements.extend(panel.points.iter().map(|point| {
        let class = format!("point {}", colour(point.species));
        let at = (x.at(point.actual_kg), y.at(point.predicted_kg));
        let mark = Element::path(class, symbol(point.species, at, radius));
        match panel.points.len() <= TITLED {
            true => mark.titled(said_of_point(weights, point)),
            false => mark,
        }
    }));
    elements.push(Element::rect("frame", area));
    let name = ellipsis(&format!("model {}", panel.version), STRONG, cell.width());
    elements.extend(name.map(|name| {
        let at = (area.left, cell.top + 13.0);
        Element::text("strong", at, Anchor::Start, name).titled(&panel.version)
    }));
    let error = panel
        .mean_error
        .map(|error| format!("mean error {}", percent(error, 1)));
    let short = panel.mean_error.map(|error| percent(error, 1));
    let texts = [Some(said_of(panel)), error, short];
    let texts: Vec<_> = texts.into_iter().flatten().collect();
    if let Some(text) = first_fitting(&texts, SMALL, area.width()) {
        let at = (area.left, cell.top + 28.0);
        elements.push(Element::text("muted", at, Anchor::Start, text));
    }
    let group = Element::group("panel", elements);
    group.with("data-version", &panel.version)
}

fn said_of_point(weights: &Weights, point: &WeightPoint) -> String {
    format!(
        "fish {}, {}: predicted {} kg, actual {} kg",
        point.id,
        weights.species_name(point.species),
        plain(point.predicted_kg, 3),
        plain(point.actual_kg, 3)
    )
}

/// Where a prediction is off by at most the threshold, within the panel.
fn within(threshold: f64, x: Scale, y: Scale, (low, high): (f64, f64)) -> Element {
    let (above, below) = (1.0 + threshold, (1.0 - threshold).max(f64::MIN_POSITIVE));
    // Actual and predicted, around the area: both edges leave through the panel's sides.
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

/// What is across and what is up, as far as there is room for it.
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
    for weight in ticks(low, high, most(area.width())) {
        let at = x.at(weight);
        elements.push(Element::line("grid", (at, area.top), (at, area.bottom)));
        let label = (at, area.bottom + 14.0);
        elements.push(Element::text(
            "tick muted",
            label,
            Anchor::Middle,
            plain(weight, 3),
        ));
    }
    for weight in ticks(low, high, most(area.height())) {
        let at = y.at(weight);
        elements.push(Element::line("grid", (area.left, at), (area.right, at)));
        let label = (area.left - 6.0, at + 4.0);
        elements.push(Element::text(
            "tick muted",
            label,
            Anchor::End,
            plain(weight, 3),
        ));
    }
    if let Some(text) = axis_title(area.width()) {
        let at = ((area.left + area.right) / 2.0, area.bottom + 29.0);
        elements.push(Element::text("axis-title muted", at, Anchor::Middle, text));
    }
    elements
}
