//! One number against another, with a numbered point for each of some things.

use super::canvas::{Canvas, Picture};
use super::legend::{Mark, point, symbol};
use super::scale::{Scale, plain, ticks};
use super::svg::{Anchor, Area, Element};
use crate::figure::Size;
use crate::trade_off::TradeOff;

const AXIS: f64 = 40.0;
const LABELS: f64 = 60.0;
const RADIUS: f64 = 5.0;
const SMALLEST: f64 = 160.0;

pub(crate) fn trade_off(figure: &TradeOff, size: Size) -> Picture {
    let sentence = format!("Across: {}. Up: {}.", figure.across, figure.up);
    let mut canvas = Canvas::new(size, &figure.title, &sentence);
    let numbered = figure.points.iter().enumerate();
    let entries: Vec<_> = numbered
        .map(|(at, one)| (Mark::None, format!("{}: {}", at + 1, one.name)))
        .collect();
    canvas.legend(&entries, SMALLEST);
    canvas.describe_newest(
        figure
            .points
            .iter()
            .map(|one| tooltip(figure, one.x, one.y, &one.name)),
        "points",
    );
    let rest = canvas.rest(LABELS);
    let area = Area {
        bottom: rest.bottom - AXIS,
        ..rest
    };
    let largest = |of: fn(&crate::trade_off::TradeOffPoint) -> f64| {
        let largest = figure.points.iter().map(of).fold(0.0, f64::max);
        if largest > 0.0 { largest * 1.08 } else { 1.0 }
    };
    let (wide, high) = (largest(|one| one.x), largest(|one| one.y));
    let x = Scale::linear((0.0, wide), (area.left, area.right));
    let y = Scale::linear((0.0, high), (area.bottom, area.top));
    for value in ticks(0.0, wide, 8) {
        let at = x.at(value);
        canvas.add(Element::line("grid", (at, area.top), (at, area.bottom)));
        let place = (at, area.bottom + 14.0);
        canvas.add(Element::text(
            "tick muted",
            place,
            Anchor::Middle,
            plain(value, 3),
        ));
    }
    for value in ticks(0.0, high, 8) {
        let at = y.at(value);
        canvas.add(Element::line("grid", (area.left, at), (area.right, at)));
        let place = (area.left - 6.0, at + 4.0);
        canvas.add(Element::text(
            "tick muted",
            place,
            Anchor::End,
            plain(value, 3),
        ));
    }
    let place = ((area.left + area.right) / 2.0, area.bottom + 31.0);
    let axes = format!("across: {}; up: {}", figure.across, figure.up);
    canvas.add(Element::text(
        "axis-title muted",
        place,
        Anchor::Middle,
        axes,
    ));
    canvas.add(Element::rect("frame", area));
    for (number, one) in figure.points.iter().enumerate() {
        let at = (x.at(one.x), y.at(one.y));
        let mark = point(0, "", symbol(0, at, RADIUS));
        canvas.add(mark.titled(tooltip(figure, one.x, one.y, &one.name)));
        let beside = (at.0 + RADIUS + 3.0, at.1 + 4.0);
        let text = (number + 1).to_string();
        canvas.add(Element::text("strong halo", beside, Anchor::Start, text));
    }
    canvas.finish()
}

fn tooltip(figure: &TradeOff, x: f64, y: f64, name: &str) -> String {
    format!(
        "{name}: {} {}, {} {}",
        figure.across,
        plain(x, 3),
        figure.up,
        plain(y, 4)
    )
}
