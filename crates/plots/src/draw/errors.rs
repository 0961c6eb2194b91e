//! Error by species: one point for each fish, a band for each species, the threshold as a line.

use super::element::{Anchor, Area, Element};
use super::error_range::ErrorRange;
use super::events::{AXIS, Events, LABELS};
use super::font::{SMALL, STRONG, ellipsis, first_fitting};
use super::legend::{Entry, Mark, species_entries};
use super::page::{Page, Picture};
use super::points::points;
use super::scale::{counted, percent, whole};
use crate::figure::Size;
use crate::marks::{Band, Timeline};

/// Height of the species' names and the axis' title above the plot.
const HEADINGS: f64 = 50.0;

/// The figure.
pub(crate) fn errors(timeline: &Timeline, size: Size) -> Picture {
    let mut page = Page::new(size, "Prediction error by species", &sentence(timeline));
    let bands = timeline.bands.iter().map(|band| said_of(timeline, band));
    page.describe_newest(bands, "stretches of one species");
    let range = ErrorRange::of(timeline);
    page.notes(&range.notes(timeline));
    page.key(&common_entries(timeline), HEADINGS + AXIS + 90.0);
    let rest = page.rest(LABELS);
    let area = Area {
        top: rest.top + HEADINGS,
        bottom: rest.bottom - AXIS,
        ..rest
    };
    let events = Events::new(timeline, range, area);
    page.add(events.bands());
    page.add(headings(&events, rest.top));
    page.add(events.axes());
    page.add(events.title());
    page.add(events.threshold());
    page.add(points(&events));
    page.finish()
}

/// The entries that all figures over the events have.
pub(crate) fn common_entries(timeline: &Timeline) -> Vec<Entry> {
    let mut entries = species_entries(&timeline.species);
    let threshold = format!("threshold {}", percent(timeline.threshold, 2));
    entries.push(Entry::new(Mark::Threshold, threshold));
    if timeline.fish.iter().any(|fish| fish.unseen_species) {
        entries.push(Entry::new(Mark::Pooled, "species new to the model"));
    }
    if timeline.fish.iter().any(|fish| fish.error.is_none()) {
        entries.push(Entry::new(Mark::Missing, "no error known"));
    }
    entries
}

fn sentence(timeline: &Timeline) -> String {
    let fish = counted(timeline.fish.len() as u64, "fish", "fish");
    let threshold = percent(timeline.threshold, 2);
    let above = timeline.fish.iter().filter_map(|fish| fish.error);
    let above = above.filter(|error| *error > timeline.threshold).count();
    match timeline.fish.len() {
        0 => "No fish was measured.".to_owned(),
        _ if above == 0 => format!("{fish}, none off by more than {threshold}"),
        _ => format!(
            "{fish}, {} off by more than {threshold}",
            whole(above as u64)
        ),
    }
}

fn said_of(timeline: &Timeline, band: &Band) -> String {
    let error = band
        .mean_error
        .map_or("no error known".to_owned(), |error| {
            format!("mean error {}", percent(error, 1))
        });
    let species = timeline.species_name(band.species);
    format!(
        "Fish {} to {} are {species}: {error}.",
        timeline.id(band.span.first),
        timeline.id(band.span.last)
    )
}

/// Each band's species and mean error above it, as far as there is room.
fn headings(events: &Events<'_>, top: f64) -> Element {
    let mut elements = Vec::new();
    for band in &events.timeline.bands {
        let (left, right) = events.across(band.span);
        let (room, middle) = (right - left - 6.0, (left + right) / 2.0);
        let name = events.timeline.species_name(band.species);
        let Some(shown) = ellipsis(name, STRONG, room) else {
            continue;
        };
        let text = Element::text("strong", (middle, top + 12.0), Anchor::Middle, shown);
        elements.push(text.titled(name));
        let fish = counted(
            (band.span.last - band.span.first + 1) as u64,
            "fish",
            "fish",
        );
        let error = band.mean_error.map(|error| percent(error, 1));
        let texts = match error {
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
