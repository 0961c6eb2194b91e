//! What the figures over the events share: the axes, the bands and the threshold.

use super::element::{Anchor, Area, Element};
use super::error_range::ErrorRange;
use super::fish_axis::named;
use super::font::{SMALL, ending, first_fitting, width};
use super::scale::{Scale, Spread, percent};
use super::symbol::colour;
use crate::marks::{FishPoint, Span, Timeline};

/// Height of the axis below the plot: ticks, numbers, times, its title.
pub(crate) const AXIS: f64 = 52.0;
/// The most that a tick's label on it takes.
const LABEL: f64 = 68.0;
/// Width of what is at the left of the plot: names of lanes, numbers of ticks.
pub(crate) const LABELS: f64 = 76.0;

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

    /// The mark with the ids of its first and its last fish.
    pub(crate) fn of_fish(&self, mark: Element, span: Span) -> Element {
        mark.with("data-first", self.timeline.id(span.first))
            .with("data-last", self.timeline.id(span.last))
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
            self.of_fish(
                Element::rect(format!("band {}", colour(band.species)), area),
                band.span,
            )
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
            bottom,
            ..
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
        elements.push(Element::line("axis", (left, bottom), (right, bottom)));
        let one_day = self.one_day();
        elements.extend(self.fish_ticks(one_day.is_some()));
        let day = one_day.map_or(String::new(), |day| format!("{day}, "));
        let titles = [
            format!("fish by id in the order of measurement, and when ({day}UTC)"),
            format!("fish by id, and when ({day}UTC)"),
            "fish by id, and when (UTC)".to_owned(),
        ];
        // A page's own font may be wider than the bundled one.
        if let Some(title) = first_fitting(&titles, SMALL, self.area.width() * 0.8) {
            let middle = ((left + right) / 2.0, bottom + 45.0);
            let text = Element::text("axis-title muted", middle, Anchor::Middle, title);
            elements.push(text);
        }
        Element::group("axes", elements)
    }

    /// What is up; drawn after what goes through it.
    pub(crate) fn title(&self) -> Element {
        let at = (self.area.left, self.area.top - 6.0);
        let title = "relative error, |predicted − actual| / actual";
        Element::text("axis-title muted halo", at, Anchor::Start, title)
    }

    /// Ticks with the fish' ids and when they were measured, as far as neither is over another.
    fn fish_ticks(&self, one_day: bool) -> Vec<Element> {
        let Area { right, bottom, .. } = self.area;
        let mut elements = Vec::new();
        let mut free = f64::MIN;
        let fish = &self.timeline.fish;
        let ends = fish.first().into_iter().chain(fish.last());
        let ends = ends.map(|fish| width(&fish.id, SMALL).max(width(&clock(fish, one_day), SMALL)));
        let room = ends.fold(0.0, f64::max).min(LABEL);
        let most = self.area.width() / (room + 12.0);
        for fish in named(fish, most) {
            let x = self.x(fish.position);
            let id = ending(&fish.id, SMALL, LABEL);
            let time = clock(fish, one_day);
            let half = width(&id, SMALL).max(width(&time, SMALL)) / 2.0;
            // The last one may not leave the page.
            let middle = x.min(right + 14.0 - half);
            if middle - half < free {
                continue;
            }
            free = middle + half + 4.0;
            elements.push(Element::line("axis", (x, bottom), (x, bottom + 4.0)));
            let label = |down: f64, text: String| {
                let at = (middle, bottom + down);
                Element::text("tick muted", at, Anchor::Middle, text)
            };
            elements.push(label(16.0, id).titled(&fish.id));
            elements.push(label(29.0, time));
        }
        elements
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
