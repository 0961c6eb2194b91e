//! Error by group: a point for each record, a band for each run of one group, the threshold.

use super::axes::ErrorRange;
use super::canvas::{Canvas, Picture};
use super::record_plot::{AXIS, LABELS, RecordPlot, common_entries};
use super::scale::whole;
use super::svg::{Anchor, Area, Element};
use super::text::{SMALL, STRONG, ellipsis, first_fitting};
use super::words::Words;
use crate::figure::Size;
use crate::marks::{Band, Timeline};

/// Height of the group' names and the axis' title above the plot.
const HEADINGS: f64 = 50.0;
/// Height of the axis' title alone.
const UNBANDED: f64 = 22.0;

pub(crate) fn errors(timeline: &Timeline, size: Size) -> Picture {
    let mut canvas = Canvas::new(size, &title(timeline.words), &summary(timeline));
    let bands = timeline.bands.iter().map(|band| describe(timeline, band));
    let runs = format!("runs of one {}", timeline.words.group().unwrap_or("group"));
    canvas.describe_newest(bands, &runs);
    let range = ErrorRange::of(timeline);
    canvas.notes(&range.notes(timeline));
    let headings_room = if timeline.bands.is_empty() {
        UNBANDED
    } else {
        HEADINGS
    };
    canvas.legend(&common_entries(timeline), headings_room + AXIS + 90.0);
    let rest = canvas.rest(LABELS);
    let area = Area {
        top: rest.top + headings_room,
        bottom: rest.bottom - AXIS,
        ..rest
    };
    let plot = RecordPlot::new(timeline, range, area);
    canvas.add(plot.bands());
    canvas.add(headings(&plot, rest.top));
    canvas.add(plot.axes());
    canvas.add(plot.title());
    canvas.add(plot.threshold());
    canvas.add(plot.points());
    canvas.finish()
}

fn title(words: Words) -> String {
    match words.group() {
        Some(group) => format!("Prediction error by {group}"),
        None => "Prediction error".to_owned(),
    }
}

fn summary(timeline: &Timeline) -> String {
    let words = timeline.words;
    let records = words.counted(timeline.records.len() as u64);
    let threshold = words.error(timeline.threshold, 2);
    let errors = timeline.records.iter().filter_map(|one| one.error);
    let above = errors.filter(|error| *error > timeline.threshold).count();
    match timeline.records.len() {
        0 => words.none_measured(),
        _ if above == 0 => format!("{records}, none off by more than {threshold}"),
        _ => format!(
            "{records}, {} off by more than {threshold}",
            whole(above as u64)
        ),
    }
}

fn describe(timeline: &Timeline, band: &Band) -> String {
    let words = timeline.words;
    let error = band.mean_error.map(|error| words.error(error, 1));
    let error = error.map_or_else(|| words.not_yet(), |error| format!("mean error {error}"));
    format!(
        "{} {} to {} are {}: {error}.",
        words.records_first(),
        timeline.id(band.span.first),
        timeline.id(band.span.last),
        timeline.group_name(band.group)
    )
}

/// The group and mean error above each band that is wide enough.
fn headings(plot: &RecordPlot<'_>, top: f64) -> Element {
    let mut elements = Vec::new();
    for band in &plot.timeline.bands {
        let (left, right) = plot.edges(band.span);
        let (room, middle) = (right - left - 6.0, (left + right) / 2.0);
        let name = plot.timeline.group_name(band.group);
        let Some(shown) = ellipsis(name, STRONG, room) else {
            continue;
        };
        let text = Element::text("strong", (middle, top + 12.0), Anchor::Middle, shown);
        elements.push(text.titled(name));
        let words = plot.timeline.words;
        let records = words.counted(band.span.len());
        let texts = match band.mean_error.map(|error| words.error(error, 1)) {
            Some(error) => vec![
                format!("{records}, mean error {error}"),
                format!("mean {error}"),
                error,
            ],
            None => vec![records],
        };
        if let Some(text) = first_fitting(&texts, SMALL, room) {
            let at = (middle, top + 26.0);
            elements.push(Element::text("muted", at, Anchor::Middle, text));
        }
    }
    Element::group("headings", elements)
}
