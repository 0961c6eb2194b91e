//! What the figures over the events share: the axes, the bands and the threshold.

use super::element::{Anchor, Area, Element};
use super::error_range::ErrorRange;
use super::font::{SMALL, first_fitting, width};
use super::scale::{Scale, Spread, percent, round_step};
use super::symbol::colour;
use crate::marks::{FishPoint, Span, Timeline};

/// Height of the axis below the plot: ticks, numbers, times, its title.
pub(crate) const AXIS: f64 = 52.0;

/// A plot over the events.
pub(crate) struct Events<'a> {
    pub(crate) timeline: &'a Timeline,
    pub(crate) area: Area,
    pub(crate) range: ErrorRange,
    x: Scale,
    y: Scale,
}

impl<'a> Events<'a> {
    pub(crate) fn new(timeline: &'a Timeline, range: ErrorRange, area: Area) -> Self {
        let fish = timeline.fish.len().max(1) as f64;
        Self {
            timeline,
            area,
            range,
            x: Scale::new(Spread::Linear, (0.5, fish + 0.5), (area.left, area.right)),
            y: Scale::new(range.spread, (0.0, range.top), (area.bottom, area.top)),
        }
    }

    /// The pixels that a stretch of fish covers.
    pub(crate) fn across(&self, span: Span) -> (f64, f64) {
        (
            self.x.at(span.first as f64 - 0.5),
            self.x.at(span.last as f64 + 0.5),
        )
    }

    /// The pixel between a fish and the next one.
    pub(crate) fn after(&self, position: usize) -> f64 {
        self.x.at(position as f64 + 0.5)
    }

    pub(crate) fn x(&self, position: usize) -> f64 {
        self.x.at(position as f64)
    }

    pub(crate) fn y(&self, error: f64) -> f64 {
        self.y.at(error)
    }

    /// The species' bands behind everything.
    pub(crate) fn bands(&self) -> Element {
        let bands = self.timeline.bands.iter().map(|band| {
            let (left, right) = self.across(band.span);
            let area = Area {
                left,
                right,
                ..self.area
            };
            Element::rect(format!("band {}", colour(band.species)), area)
                .with("data-first", band.span.first.to_string())
                .with("data-last", band.span.last.to_string())
                .titled(self.timeline.species_name(band.species))
        });
        let edges = self.timeline.bands.iter().skip(1).map(|band| {
            let (x, _) = self.across(band.span);
            Element::line("edge", (x, self.area.top), (x, self.area.bottom))
        });
        Element::group("bands", bands.chain(edges).collect())
    }

    /// Grid lines, ticks and titles of both axes.
    pub(crate) fn axes(&self) -> Element {
        let Area {
            left,
            right,
            top,
            bottom,
        } = self.area;
        let mut elements = Vec::new();
        for error in self.range.ticks(self.y, self.area.height()) {
            let y = self.y(error);
            elements.push(Element::line("grid", (left, y), (right, y)));
            let label = percent(error, 3);
            elements.push(Element::text(
                "tick muted",
                (left - 7.0, y + 4.0),
                Anchor::End,
                label,
            ));
        }
        elements.push(Element::text(
            "axis-title muted halo",
            (left, top - 6.0),
            Anchor::Start,
            "relative error, |predicted − actual| / actual",
        ));
        elements.push(Element::line("axis", (left, bottom), (right, bottom)));
        let fish = self.timeline.fish.len();
        let most = ((self.area.width() / 74.0) as usize).max(2);
        let one_day = self.one_day();
        let step = round_step(fish as f64 / most as f64).max(1.0) as usize;
        for fish in self.timeline.fish.iter().skip(step - 1).step_by(step) {
            let x = self.x(fish.position);
            elements.push(Element::line("axis", (x, bottom), (x, bottom + 4.0)));
            let mut label = |down: f64, text: String| {
                // The last one may not leave the page.
                let middle = x.min(right + 14.0 - width(&text, SMALL) / 2.0);
                let at = (middle, bottom + down);
                elements.push(Element::text("tick muted", at, Anchor::Middle, text));
            };
            label(16.0, fish.position.to_string());
            label(29.0, clock(fish, one_day.is_some()));
        }
        let day = one_day.map_or(String::new(), |day| format!("{day}, "));
        let titles = [
            format!("fish in the order of measurement, and when ({day}UTC)"),
            format!("fish in order, and when ({day}UTC)"),
            "fish, and when (UTC)".to_owned(),
        ];
        // A page's own font may be wider than the bundled one.
        if let Some(title) = first_fitting(&titles, SMALL, self.area.width() * 0.8) {
            let middle = ((left + right) / 2.0, bottom + 45.0);
            let text = Element::text("axis-title muted", middle, Anchor::Middle, title);
            elements.push(text);
        }
        Element::group("axes", elements)
    }

    /// The day, where all fish were measured on one.
    fn one_day(&self) -> Option<String> {
        let day = |fish: &FishPoint| fish.measured.to_string().get(..10).map(str::to_owned);
        let (first, last) = (self.timeline.fish.first()?, self.timeline.fish.last()?);
        day(first).filter(|first| Some(first) == day(last).as_ref())
    }

    pub(crate) fn threshold(&self) -> Element {
        let y = self.y(self.timeline.threshold);
        Element::line("threshold", (self.area.left, y), (self.area.right, y))
            .titled(format!("threshold {}", percent(self.timeline.threshold, 2)))
    }
}

/// `13:39:27`, with month and day before it where fish were measured on several days.
fn clock(fish: &FishPoint, one_day: bool) -> String {
    let time = fish.measured.to_string();
    let part = |range: std::ops::Range<usize>| time.get(range).unwrap_or_default().to_owned();
    if one_day {
        part(11..19)
    } else {
        format!("{} {}", part(5..10), part(11..16))
    }
}
