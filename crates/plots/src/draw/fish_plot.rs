//! What the two plots with fish along the x axis share: axes, bands, threshold and points.

use super::axes::{ErrorRange, labelled};
use super::columns::MANY;
use super::legend::{Entry, Mark, colour, missing, point, species_entries, symbol};
use super::scale::{Scale, percent};
use super::svg::{Anchor, Area, Element};
use super::text::{SMALL, ending, first_fitting, width};
use crate::marks::{FishPoint, Span, Timeline};

/// Height of the axis below the plot: ticks, ids, times, title.
pub(crate) const AXIS: f64 = 52.0;
/// Maximum width of the label of a tick on it.
const LABEL: f64 = 68.0;
/// Width of the area left of the plot, with the names of lanes and the numbers of ticks.
pub(crate) const LABELS: f64 = 76.0;
/// Points have tooltips only in plots wider than this: a phone has no pointer.
const NARROW: f64 = 400.0;
/// Above this many fish, all points of a species are one path without tooltips.
const TITLED: usize = 2_000;
/// The shape of a fish above the scale: a triangle that points upwards.
const ABOVE: usize = 1;

pub(crate) struct FishPlot<'a> {
    pub(crate) timeline: &'a Timeline,
    pub(crate) area: Area,
    range: ErrorRange,
    x: Scale,
    y: Scale,
}

impl<'a> FishPlot<'a> {
    pub(crate) fn new(timeline: &'a Timeline, range: ErrorRange, area: Area) -> Self {
        let fish = timeline.fish.len().max(1) as f64;
        Self {
            timeline,
            area,
            range,
            x: Scale::linear((0.5, fish + 0.5), (area.left, area.right)),
            y: Scale {
                spread: range.spread,
                ..Scale::linear((0.0, range.top), (area.bottom, area.top))
            },
        }
    }

    /// The left and right edge of a span of fish.
    pub(crate) fn edges(&self, span: Span) -> (f64, f64) {
        let left = self.x.at(span.first as f64 - 0.5);
        (left, self.after(span.last))
    }

    /// The middle between a fish and the next one.
    pub(crate) fn after(&self, position: usize) -> f64 {
        self.x.at(position as f64 + 0.5)
    }

    pub(crate) fn x(&self, position: usize) -> f64 {
        self.x.at(position as f64)
    }

    pub(crate) fn y(&self, error: f64) -> f64 {
        self.y.at(error)
    }

    /// Adds the ids of a span's first and last fish as attributes.
    pub(crate) fn spanning(&self, mark: Element, span: Span) -> Element {
        mark.with("data-first", self.timeline.id(span.first))
            .with("data-last", self.timeline.id(span.last))
    }

    /// The radius at which points stay apart.
    pub(crate) fn radius(&self) -> f64 {
        let fish = self.timeline.fish.len();
        let spacing = self.area.width() / fish.max(1) as f64;
        let smallest = if fish > 1_000 { 1.6 } else { 2.4 };
        (spacing * 0.85).clamp(smallest, 4.2)
    }

    /// The species' bands, behind everything else.
    pub(crate) fn bands(&self) -> Element {
        let bands = self.timeline.bands.iter().map(|band| {
            let (left, right) = self.edges(band.span);
            let area = Area {
                left,
                right,
                ..self.area
            };
            let rect = Element::rect(format!("band {}", colour(band.species)), area);
            self.spanning(rect, band.span)
                .titled(self.timeline.species_name(band.species))
        });
        let edges = self.timeline.bands.iter().skip(1).map(|band| {
            let (x, _) = self.edges(band.span);
            Element::line("edge", (x, self.area.top), (x, self.area.bottom))
        });
        Element::group("bands", bands.chain(edges).collect())
    }

    /// Grid lines, ticks and the title of the x axis.
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
            let at = (left - 7.0, y + 4.0);
            let label = percent(error, 3);
            elements.push(Element::text("tick muted", at, Anchor::End, label));
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
            let at = ((left + right) / 2.0, bottom + 45.0);
            elements.push(Element::text("axis-title muted", at, Anchor::Middle, title));
        }
        Element::group("axes", elements)
    }

    /// The title of the y axis. Drawn after the marks that cross it.
    pub(crate) fn title(&self) -> Element {
        let at = (self.area.left, self.area.top - 6.0);
        let title = "relative error, |predicted − actual| / actual";
        Element::text("axis-title muted halo", at, Anchor::Start, title)
    }

    /// Ticks with ids and times of measurement, skipping labels that would overlap.
    fn fish_ticks(&self, one_day: bool) -> Vec<Element> {
        let Area { right, bottom, .. } = self.area;
        let mut elements = Vec::new();
        let mut free = f64::MIN;
        let fish = &self.timeline.fish;
        let ends = fish.first().into_iter().chain(fish.last());
        let ends = ends.map(|fish| width(&fish.id, SMALL).max(width(&clock(fish, one_day), SMALL)));
        let room = ends.fold(0.0, f64::max).min(LABEL);
        let most = self.area.width() / (room + 12.0);
        for fish in labelled(fish, most) {
            let x = self.x(fish.position);
            let id = ending(&fish.id, SMALL, LABEL);
            let time = clock(fish, one_day);
            let half = width(&id, SMALL).max(width(&time, SMALL)) / 2.0;
            // The last label must not leave the picture.
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

    /// The day of measurement, if it is the same for all fish.
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

    /// A mark for each fish.
    pub(crate) fn points(&self) -> Element {
        let fish = &self.timeline.fish;
        let unknown = fish.iter().filter(|one| one.error.is_none());
        let mut elements: Vec<Element> = unknown
            .map(|one| missing((self.x(one.position), self.area.bottom)).titled(self.tooltip(one)))
            .collect();
        if fish.len() > MANY {
            elements.extend(self.columns());
        } else if fish.len() <= TITLED {
            elements.extend(fish.iter().filter_map(|one| {
                let mark = point(one.species, self.classes(one), self.shape(one)?);
                let mark = mark.with("data-fish", &one.id);
                Some(match self.area.width() > NARROW {
                    true => mark.titled(self.tooltip(one)),
                    false => mark,
                })
            }));
        } else {
            for species in 0..self.timeline.species.len() {
                for unseen in [false, true] {
                    elements.extend(self.one_path(species, unseen));
                }
            }
        }
        Element::group("points", elements)
    }

    /// The points of many fish as one path.
    fn one_path(&self, species: usize, unseen: bool) -> Option<Element> {
        let same = |one: &&FishPoint| one.species == species && one.unseen_species == unseen;
        let fish = self.timeline.fish.iter().filter(same);
        let first = fish.clone().next()?;
        let d: String = fish.filter_map(|one| self.shape(one)).collect();
        (!d.is_empty()).then(|| point(species, self.classes(first), d))
    }

    /// The largest error on the scale.
    pub(crate) fn top(&self) -> f64 {
        self.range.top
    }

    pub(crate) fn shape(&self, fish: &FishPoint) -> Option<String> {
        let error = fish.error?;
        let above = error > self.range.top;
        let shape = if above { ABOVE } else { fish.species };
        Some(symbol(
            shape,
            (self.x(fish.position), self.y(error)),
            self.radius(),
        ))
    }

    fn classes(&self, fish: &FishPoint) -> &'static str {
        match (fish.unseen_species, self.radius() < 2.0) {
            (false, false) => "",
            (false, true) => " tiny",
            (true, false) => " pooled",
            (true, true) => " pooled tiny",
        }
    }

    fn tooltip(&self, fish: &FishPoint) -> String {
        let error = fish.error.map(|error| percent(error, 1));
        format!(
            "fish {}, {}, {}: {}, model {}",
            fish.id,
            self.timeline.species_name(fish.species),
            fish.measured,
            error.as_deref().unwrap_or("not weighed yet"),
            fish.model_version.as_deref().unwrap_or("none")
        )
    }
}

/// The legend entries of both plots.
pub(crate) fn common_entries(timeline: &Timeline) -> Vec<Entry> {
    let mut entries = species_entries(&timeline.species);
    let threshold = format!("threshold {}", percent(timeline.threshold, 2));
    entries.push((Mark::Threshold, threshold));
    if let Some(fish) = timeline.fish.iter().find(|fish| fish.unseen_species) {
        let label = "species new to the model".to_owned();
        entries.push((Mark::Unseen(fish.species), label));
    }
    if timeline.fish.iter().any(|fish| fish.error.is_none()) {
        entries.push((Mark::Missing, "not weighed yet".to_owned()));
    }
    entries
}

/// `13:39:27`, or `06-09 13:39` if the fish were measured on several days.
fn clock(fish: &FishPoint, one_day: bool) -> String {
    let time = fish.measured.to_string();
    let part = |range: std::ops::Range<usize>| time.get(range).unwrap_or_default().to_owned();
    if one_day {
        part(11..19)
    } else {
        format!("{} {}", part(5..10), part(11..16))
    }
}
