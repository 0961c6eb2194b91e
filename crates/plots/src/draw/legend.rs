//! The key: a small example of each kind of mark and what it means.

use super::element::{Anchor, Area, Element};
use super::font::{SMALL, ellipsis, width};
use super::symbol::{colour, symbol};

/// Species beyond this many are counted, not listed.
const LISTED: usize = 8;
const ROW: f64 = 17.0;
const SWATCH: f64 = 22.0;
const GAP: f64 = 16.0;
const LONGEST: f64 = 240.0;

/// A kind of mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Species(usize),
    Pooled,
    Missing,
    Threshold,
    Window,
    Training,
    Retrained,
    First,
    Recovery,
    Within,
    Identity,
    None,
}

/// A line of the key.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) mark: Mark,
    pub(crate) label: String,
}

impl Entry {
    pub(crate) fn new(mark: Mark, label: impl Into<String>) -> Self {
        Self {
            mark,
            label: label.into(),
        }
    }
}

/// One entry for each species, as far as they fit.
pub(crate) fn species_entries(species: &[String]) -> Vec<Entry> {
    let mut entries: Vec<_> = species
        .iter()
        .take(LISTED)
        .enumerate()
        .map(|(number, name)| Entry::new(Mark::Species(number), name))
        .collect();
    if let Some(more) = species.len().checked_sub(LISTED).filter(|more| *more > 0) {
        entries.push(Entry::new(Mark::None, format!("and {more} more species")));
    }
    entries
}

/// The entries from left to right in as many rows as they need, and the rows' height.
pub(crate) fn legend(entries: &[Entry], (left, top): (f64, f64), room: f64) -> (Vec<Element>, f64) {
    let mut elements = Vec::new();
    let (mut x, mut y) = (left, top + ROW / 2.0);
    for entry in entries {
        let swatch = if entry.mark == Mark::None {
            0.0
        } else {
            SWATCH
        };
        let label = ellipsis(&entry.label, SMALL, LONGEST.min(room - swatch)).unwrap_or_default();
        let wide = swatch + width(&label, SMALL);
        if x > left && x + wide > left + room {
            (x, y) = (left, y + ROW);
        }
        elements.extend(example(entry.mark, (x, y)));
        let text = Element::text("label", (x + swatch, y + 4.0), Anchor::Start, label);
        elements.push(text.titled(&entry.label));
        x += wide + GAP;
    }
    (elements, y + ROW / 2.0 - top)
}

/// An example of a mark, 14 pixels wide, centred at the height `y`.
fn example(mark: Mark, (x, y): (f64, f64)) -> Vec<Element> {
    let middle = (x + 7.0, y);
    // As long as two dashes and the gap between them.
    let across = |class: &str| Element::line(class, (x - 2.0, y), (x + 16.0, y));
    let bar = Area {
        left: x,
        top: y - 5.0,
        right: x + 14.0,
        bottom: y + 5.0,
    };
    match mark {
        Mark::None => vec![],
        Mark::Species(number) => {
            let class = format!("point {}", colour(number));
            vec![Element::path(class, symbol(number, middle, 4.0))]
        }
        Mark::Pooled => vec![Element::path("point pooled s0", symbol(0, middle, 4.0))],
        Mark::Missing => vec![missing(middle)],
        Mark::Threshold => vec![across("threshold")],
        Mark::Identity => vec![across("identity")],
        Mark::Window => vec![
            Element::rect("window", bar),
            Element::rect("window-shade", bar),
        ],
        Mark::Training => vec![Element::rect("training", bar)],
        Mark::Within => vec![Element::rect("within", bar)],
        Mark::Retrained => {
            let ends = ((x + 7.0, y - 7.0), (x + 7.0, y + 7.0));
            vec![Element::line("retrained", ends.0, ends.1), head(middle)]
        }
        Mark::First => vec![Element::circle("first", middle, 5.0)],
        Mark::Recovery => vec![bracket((x, x + 14.0), y)],
    }
}

/// The head of a retraining's line.
pub(crate) fn head(at: (f64, f64)) -> Element {
    Element::path("retrained-head", symbol(3, at, 4.5))
}

/// From drift to recovery.
pub(crate) fn bracket((from, to): (f64, f64), y: f64) -> Element {
    let (top, bottom) = (y - 5.0, y + 5.0);
    let d = format!(
        "M{from:.2} {top:.2}V{bottom:.2}M{from:.2} {y:.2}H{to:.2}M{to:.2} {top:.2}V{bottom:.2}"
    );
    Element::path("recovery", d)
}

/// A fish whose error is not known.
pub(crate) fn missing((x, y): (f64, f64)) -> Element {
    let (left, right, top, bottom) = (x - 2.5, x + 2.5, y - 2.5, y + 2.5);
    let d = format!(
        "M{left:.2} {top:.2}L{right:.2} {bottom:.2}M{left:.2} {bottom:.2}L{right:.2} {top:.2}"
    );
    Element::path("missing", d)
}
