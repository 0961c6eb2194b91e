//! Error by species: a point for each fish, a band for each run of one species, the threshold.

use super::axes::ErrorRange;
use super::canvas::{Canvas, Picture};
use super::fish_plot::{AXIS, FishPlot, LABELS, common_entries};
use super::scale::{counted, percent, whole};
use super::svg::{Anchor, Area, Element};
use super::text::{SMALL, STRONG, ellipsis, first_fitting};
use crate::figure::Size;
use crate::marks::{Band, Timeline};

/// Height of the species' names and the axis' title above the plot.
const HEADINGS: f64 = 50.0;

pub(crate) fn errors(timeline: &Timeline, size: Size) -> Picture {
    let mut canvas = Canvas::new(size, "Prediction error by species", &summary(timeline));
    let bands = timeline.bands.iter().map(|band| describe(timeline, band));
    canvas.describe_newest(bands, "runs of one species");
    let range = ErrorRange::of(timeline);
    canvas.notes(&range.notes(timeline));
    canvas.legend(&common_entries(timeline), HEADINGS + AXIS + 90.0);
    let rest = canvas.rest(LABELS);
    let area = Area {
        top: rest.top + HEADINGS,
        bottom: rest.bottom - AXIS,
        ..rest
    };
    let plot = FishPlot::new(timeline, range, area);
    canvas.add(plot.bands());
    canvas.add(headings(&plot, rest.top));
    canvas.add(plot.axes());
    canvas.add(plot.title());
    canvas.add(plot.threshold());
    canvas.add(plot.points());
    canvas.finish()
}

fn summary(timeline: &Timeline) -> String {
    let fish = counted(timeline.fish.len() as u64, "fish", "fish");
    let threshold = percent(timeline.threshold, 2);
    let errors = timeline.fish.iter().filter_map(|fish| fish.error);
    let above = errors.filter(|error| *error > timeline.threshold).count();
    match timeline.fish.len() {
        0 => "No fish was measured.".to_owned(),
        _ if above == 0 => format!("{fish}, none off by more than {threshold}"),
        _ => format!(
            "{fish}, {} off by more than {threshold}",
            whole(above as u64)
        ),
    }
}

fn describe(timeline: &Timeline, band: &Band) -> String {
    let error = band.mean_error.map(|error| percent(error, 1));
    let error = error.map_or("not weighed yet".to_owned(), |error| {
        format!("mean error {error}")
    });
    format!(
        "Fish {} to {} are {}: {error}.",
        timeline.id(band.span.first),
        timeline.id(band.span.last),
        timeline.species_name(band.species)
    )
}

/// The species and mean error above each band that is wide enough.
fn headings(plot: &FishPlot<'_>, top: f64) -> Element {
    let mut elements = Vec::new();
    for band in &plot.timeline.bands {
        let (left, right) = plot.edges(band.span);
        let (room, middle) = (right - left - 6.0, (left + right) / 2.0);
        let name = plot.timeline.species_name(band.species);
        let Some(shown) = ellipsis(name, STRONG, room) else {
            continue;
        };
        let text = Element::text("strong", (middle, top + 12.0), Anchor::Middle, shown);
        elements.push(text.titled(name));
        let fish = counted(band.span.len(), "fish", "fish");
        let texts = match band.mean_error.map(|error| percent(error, 1)) {
            Some(error) => vec![
                format!("{fish}, mean error {error}"),
                format!("mean {error}"),
                error,
            ],
            None => vec![fish],
        };
        if let Some(text) = first_fitting(&texts, SMALL, room) {
            let at = (middle, top + 26.0);
            elements.push(Element::text("muted", at, Anchor::Middle, text));
        }
    }
    Element::group("headings", elements)
}
