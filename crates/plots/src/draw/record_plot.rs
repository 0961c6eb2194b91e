//! What the two plots with records along the x axis share: axes, bands, threshold and points.

use super::axes::{ErrorRange, labelled};
use super::columns::MANY;
use super::legend::{Entry, Mark, colour, group_entries, missing, point, shade, shades, symbol};
use super::scale::Scale;
use super::svg::{Anchor, Area, Element};
use super::text::{SMALL, ending, first_fitting, width};
use crate::marks::{RecordPoint, Span, Timeline};

/// Height of the axis below the plot: ticks, ids, times, title.
pub(crate) const AXIS: f64 = 52.0;
/// Maximum width of the label of a tick on it.
const LABEL: f64 = 68.0;
/// Width of the area left of the plot, with the names of lanes and the numbers of ticks.
pub(crate) const LABELS: f64 = 76.0;
/// Points have tooltips only in plots wider than this: a phone has no pointer.
const NARROW: f64 = 400.0;
/// Above this many records, all points of a group are one path without tooltips.
const TITLED: usize = 2_000;
/// The shape of a record above the scale: a triangle that points upwards.
const ABOVE: usize = 1;

pub(crate) struct RecordPlot<'a> {
    pub(crate) timeline: &'a Timeline,
    pub(crate) area: Area,
    range: ErrorRange,
    x: Scale,
    y: Scale,
}

impl<'a> RecordPlot<'a> {
    pub(crate) fn new(timeline: &'a Timeline, range: ErrorRange, area: Area) -> Self {
        let records = timeline.records.len().max(1) as f64;
        Self {
            timeline,
            area,
            range,
            x: Scale::linear((0.5, records + 0.5), (area.left, area.right)),
            y: Scale {
                spread: range.spread,
                ..Scale::linear((0.0, range.top), (area.bottom, area.top))
            },
        }
    }

    /// The left and right edge of a span of records.
    pub(crate) fn edges(&self, span: Span) -> (f64, f64) {
        let left = self.x.at(span.first as f64 - 0.5);
        (left, self.after(span.last))
    }

    /// The middle between a record and the next one.
    pub(crate) fn after(&self, position: usize) -> f64 {
        self.x.at(position as f64 + 0.5)
    }

    pub(crate) fn x(&self, position: usize) -> f64 {
        self.x.at(position as f64)
    }

    pub(crate) fn y(&self, error: f64) -> f64 {
        self.y.at(error)
    }

    /// Adds the ids of a span's first and last record as attributes.
    pub(crate) fn spanning(&self, mark: Element, span: Span) -> Element {
        mark.with("data-first", self.timeline.id(span.first))
            .with("data-last", self.timeline.id(span.last))
    }

    /// The radius at which points stay apart.
    pub(crate) fn radius(&self) -> f64 {
        let records = self.timeline.records.len();
        let spacing = self.area.width() / records.max(1) as f64;
        let smallest = if records > 1_000 { 1.6 } else { 2.4 };
        (spacing * 0.85).clamp(smallest, 4.2)
    }

    /// The group' bands, behind everything else.
    pub(crate) fn bands(&self) -> Element {
        let bands = self.timeline.bands.iter().map(|band| {
            let (left, right) = self.edges(band.span);
            let area = Area {
                left,
                right,
                ..self.area
            };
            let rect = Element::rect(format!("band {}", colour(band.group)), area);
            self.spanning(rect, band.span)
                .titled(self.timeline.group_name(band.group))
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
            let label = self.timeline.words.error(error, 3);
            elements.push(Element::text("tick muted", at, Anchor::End, label));
        }
        elements.push(Element::line("axis", (left, bottom), (right, bottom)));
        let one_day = self.one_day();
        elements.extend(self.record_ticks(one_day.is_some()));
        let day = one_day.map_or(String::new(), |day| format!("{day}, "));
        let records = self.timeline.words.records();
        let titles = [
            format!("{records} by id in the order of measurement, and when ({day}UTC)"),
            format!("{records} by id, and when ({day}UTC)"),
            format!("{records} by id, and when (UTC)"),
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
        let title = self.timeline.words.error_axis();
        Element::text("axis-title muted halo", at, Anchor::Start, title)
    }

    /// Ticks with ids and times of measurement, skipping labels that would overlap.
    fn record_ticks(&self, one_day: bool) -> Vec<Element> {
        let Area { right, bottom, .. } = self.area;
        let mut elements = Vec::new();
        let mut free = f64::MIN;
        let records = &self.timeline.records;
        let ends = records.first().into_iter().chain(records.last());
        let ends = ends.map(|one| width(&one.id, SMALL).max(width(&clock(one, one_day), SMALL)));
        let room = ends.fold(0.0, f64::max).min(LABEL);
        let most = self.area.width() / (room + 12.0);
        for one in labelled(records, most) {
            let x = self.x(one.position);
            let id = ending(&one.id, SMALL, LABEL);
            let time = clock(one, one_day);
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
            elements.push(label(16.0, id).titled(&one.id));
            elements.push(label(29.0, time));
        }
        elements
    }

    /// The day of measurement, if it is the same for all records.
    fn one_day(&self) -> Option<String> {
        let day = |one: &RecordPoint| one.measured.to_string().get(..10).map(str::to_owned);
        let (first, last) = (
            self.timeline.records.first()?,
            self.timeline.records.last()?,
        );
        day(first).filter(|first| Some(first) == day(last).as_ref())
    }

    pub(crate) fn threshold(&self) -> Element {
        let y = self.y(self.timeline.threshold);
        Element::line("threshold", (self.area.left, y), (self.area.right, y)).titled(format!(
            "threshold {}",
            self.timeline.words.error(self.timeline.threshold, 2)
        ))
    }

    /// A mark for each record.
    pub(crate) fn points(&self) -> Element {
        let records = &self.timeline.records;
        let attribute = self.timeline.words.attribute();
        let unknown = records.iter().filter(|one| one.error.is_none());
        let mut elements: Vec<Element> = unknown
            .map(|one| missing((self.x(one.position), self.area.bottom)).titled(self.tooltip(one)))
            .collect();
        if records.len() > MANY {
            elements.extend(self.columns());
        } else if records.len() <= TITLED {
            elements.extend(records.iter().filter_map(|one| {
                let mark = point(one.group, self.classes(one), self.shape(one)?);
                let mark = mark.with(attribute.clone(), &one.id);
                Some(match self.area.width() > NARROW {
                    true => mark.titled(self.tooltip(one)),
                    false => mark,
                })
            }));
        } else {
            for group in shades(self.timeline.groups.len()) {
                for unseen in [false, true] {
                    elements.extend(self.one_path(group, unseen));
                }
            }
        }
        Element::group("points", elements)
    }

    /// The points of many records as one path.
    fn one_path(&self, group: usize, unseen: bool) -> Option<Element> {
        let same = |one: &&RecordPoint| shade(one.group) == group && one.unseen == unseen;
        let records = self.timeline.records.iter().filter(same);
        let first = records.clone().next()?;
        let d: String = records.filter_map(|one| self.shape(one)).collect();
        (!d.is_empty()).then(|| point(group, self.classes(first), d))
    }

    /// The largest error on the scale.
    pub(crate) fn top(&self) -> f64 {
        self.range.top
    }

    pub(crate) fn shape(&self, one: &RecordPoint) -> Option<String> {
        let error = one.error?;
        let above = error > self.range.top;
        let shape = if above { ABOVE } else { one.group };
        Some(symbol(
            shape,
            (self.x(one.position), self.y(error)),
            self.radius(),
        ))
    }

    fn classes(&self, one: &RecordPoint) -> &'static str {
        match (one.unseen, self.radius() < 2.0) {
            (false, false) => "",
            (false, true) => " tiny",
            (true, false) => " pooled",
            (true, true) => " pooled tiny",
        }
    }

    fn tooltip(&self, one: &RecordPoint) -> String {
        let words = self.timeline.words;
        let error = one.error.map(|error| words.error(error, 1));
        let group = match words.group() {
            Some(_) => format!("{}, ", self.timeline.group_name(one.group)),
            None => String::new(),
        };
        format!(
            "{} {}, {group}{}: {}, model {}",
            words.record(),
            one.id,
            one.measured,
            error.unwrap_or_else(|| words.not_yet()),
            one.model_version.as_deref().unwrap_or("none")
        )
    }
}

/// The legend entries of both plots.
pub(crate) fn common_entries(timeline: &Timeline) -> Vec<Entry> {
    let mut entries = group_entries(&timeline.groups);
    let threshold = format!("threshold {}", timeline.words.error(timeline.threshold, 2));
    entries.push((Mark::Threshold, threshold));
    if let Some(one) = timeline.records.iter().find(|one| one.unseen) {
        let label = format!(
            "{} new to the model",
            timeline.words.group().unwrap_or("level")
        );
        entries.push((Mark::Unseen(one.group), label));
    }
    if timeline.records.iter().any(|one| one.error.is_none()) {
        entries.push((Mark::Missing, timeline.words.not_yet()));
    }
    entries
}

/// `13:39:27`, or `06-09 13:39` if the records were measured on several days.
fn clock(one: &RecordPoint, one_day: bool) -> String {
    let time = one.measured.to_string();
    let part = |range: std::ops::Range<usize>| time.get(range).unwrap_or_default().to_owned();
    if one_day {
        part(11..19)
    } else {
        format!("{} {}", part(5..10), part(11..16))
    }
}
