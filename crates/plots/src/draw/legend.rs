//! The legend, and the marks that both it and the plots draw.

use std::f64::consts::FRAC_PI_4;

use report::{NAMED_GROUPS, others};

use super::svg::{Anchor, Area, Element, px};
use super::text::{SMALL, ellipsis, width};
use super::theme::COLOURS;

const ROW: f64 = 17.0;
const SWATCH: f64 = 22.0;
const GAP: f64 = 16.0;
const LONGEST: f64 = 240.0;
/// One more shape than colours: 42 group differ in one or the other.
const SHAPES: usize = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Group(usize),
    /// A records of a group that the model had not seen.
    Unseen(usize),
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

/// A mark and what it means.
pub(crate) type Entry = (Mark, String);

/// One entry for each of the first groups, and one for the others.
pub(crate) fn group_entries(groups: &[String]) -> Vec<Entry> {
    let listed = groups.iter().take(NAMED_GROUPS).enumerate();
    let mut entries: Vec<Entry> = listed
        .map(|(number, name)| (Mark::Group(number), name.clone()))
        .collect();
    if groups.len() > NAMED_GROUPS {
        let others = others(groups.len() - NAMED_GROUPS);
        entries.push((Mark::Group(NAMED_GROUPS), others));
    }
    entries
}

/// The numbers by which groups differ in the picture, in the order in which they are drawn: all beyond the named
/// ones have one, and lie below them.
pub(crate) fn shades(groups: usize) -> Vec<usize> {
    if groups > NAMED_GROUPS {
        std::iter::once(NAMED_GROUPS)
            .chain(0..NAMED_GROUPS)
            .collect()
    } else {
        // Without groups, all points have one colour.
        (0..groups.max(1)).collect()
    }
}

/// The one of the [`shades`] that a group has.
pub(crate) fn shade(group: usize) -> usize {
    group.min(NAMED_GROUPS)
}

/// The entries in as many rows as they need, and the height of the rows.
pub(crate) fn legend(entries: &[Entry], (left, top): (f64, f64), room: f64) -> (Vec<Element>, f64) {
    let mut elements = Vec::new();
    let (mut x, mut y) = (left, top + ROW / 2.0);
    for (mark, label) in entries {
        let swatch = if *mark == Mark::None { 0.0 } else { SWATCH };
        let shown = ellipsis(label, SMALL, LONGEST.min(room - swatch)).unwrap_or_default();
        let wide = swatch + width(&shown, SMALL);
        if x > left && x + wide > left + room {
            (x, y) = (left, y + ROW);
        }
        elements.extend(swatch_of(*mark, (x, y)));
        let text = Element::text("label", (x + swatch, y + 4.0), Anchor::Start, shown);
        elements.push(text.titled(label));
        x += wide + GAP;
    }
    (elements, y + ROW / 2.0 - top)
}

/// An example of a mark, 14 pixels wide, centred at the height `y`.
fn swatch_of(mark: Mark, (x, y): (f64, f64)) -> Vec<Element> {
    let middle = (x + 7.0, y);
    // As long as two dashes and the gap between them.
    let across = |class: &str| vec![Element::line(class, (x - 2.0, y), (x + 16.0, y))];
    let bar = Area {
        left: x,
        top: y - 5.0,
        right: x + 14.0,
        bottom: y + 5.0,
    };
    match mark {
        Mark::None => vec![],
        Mark::Group(number) => vec![point(number, "", symbol(number, middle, 4.0))],
        Mark::Unseen(number) => vec![point(number, " pooled", symbol(number, middle, 4.0))],
        Mark::Missing => vec![missing(middle)],
        Mark::Threshold => across("threshold"),
        Mark::Identity => across("identity"),
        Mark::Window => {
            let edge = |x| Element::line("window-edge", (x, bar.top), (x, bar.bottom));
            let mean = Element::line("window-mean", (bar.left, y), (bar.right, y));
            let shade = Element::rect("window-shade", bar);
            vec![shade, edge(bar.left), edge(bar.right), mean]
        }
        Mark::Training => vec![Element::rect("training", bar)],
        Mark::Within => vec![Element::rect("within", bar)],
        Mark::Retrained => {
            let line = Element::line("retrained", (x + 7.0, y - 7.0), (x + 7.0, y + 7.0));
            vec![line, retraining_head(middle)]
        }
        Mark::First => vec![Element::circle("first", middle, 5.0)],
        Mark::Recovery => vec![bracket((x, x + 14.0), y)],
    }
}

/// The point of one or more records, in the colour of their group.
pub(crate) fn point(group: usize, more_classes: &str, d: String) -> Element {
    Element::path(format!("point{more_classes} {}", colour(group)), d)
}

/// The head of a retraining's line.
pub(crate) fn retraining_head(at: (f64, f64)) -> Element {
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

/// A records without an error.
pub(crate) fn missing((x, y): (f64, f64)) -> Element {
    let (left, right, top, bottom) = (x - 2.5, x + 2.5, y - 2.5, y + 2.5);
    let d = format!(
        "M{left:.2} {top:.2}L{right:.2} {bottom:.2}M{left:.2} {bottom:.2}L{right:.2} {top:.2}"
    );
    Element::path("missing", d)
}

/// The class that gives a mark the colour of a group.
pub(crate) fn colour(group: usize) -> String {
    if group < NAMED_GROUPS {
        format!("s{}", group % COLOURS)
    } else {
        // Neutral, as the bars.
        "m0".to_owned()
    }
}

/// The path of a group' shape around a point. Shapes tell group apart without colour, and all
/// cover about the same area.
pub(crate) fn symbol(group: usize, (x, y): (f64, f64), r: f64) -> String {
    let polygon = |corners: &[(f64, f64)]| {
        let corners = corners
            .iter()
            .map(|(dx, dy)| format!("{} {}", px(x + dx * r), px(y + dy * r)));
        format!("M{}Z", corners.collect::<Vec<_>>().join("L"))
    };
    match shade(group) % SHAPES {
        0 => {
            let (radius, across) = (px(r), px(2.0 * r));
            format!(
                "M{} {}a{radius} {radius} 0 1 0 {across} 0a{radius} {radius} 0 1 0 -{across} 0Z",
                px(x - r),
                px(y)
            )
        }
        1 => polygon(&[(0.0, -1.3), (1.2, 0.85), (-1.2, 0.85)]),
        2 => polygon(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        3 => polygon(&[(0.0, -1.35), (1.1, 0.0), (0.0, 1.35), (-1.1, 0.0)]),
        4 => polygon(&[(0.0, 1.3), (1.2, -0.85), (-1.2, -0.85)]),
        5 => polygon(&plus(0.0)),
        _ => polygon(&plus(FRAC_PI_4)),
    }
}

/// The corners of a plus, turned by an angle.
fn plus(angle: f64) -> Vec<(f64, f64)> {
    const OUT: f64 = 1.3;
    const IN: f64 = 0.42;
    let corner = [(-IN, -OUT), (IN, -OUT), (IN, -IN)];
    let quarters = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)];
    let (sin, cos) = angle.sin_cos();
    quarters
        .into_iter()
        .flat_map(|(c, s)| corner.map(|(x, y)| (x * c - y * s, x * s + y * c)))
        .map(|(x, y)| (x * cos - y * sin, x * sin + y * cos))
        .collect()
}
