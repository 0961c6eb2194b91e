//! The model's behaviour: which version answered, which window triggered, what was trained on,
//! when, the first fish of the new model, and from drift to recovery.

use super::element::{Anchor, Area, Element};
use super::error_range::ErrorRange;
use super::errors::common_entries;
use super::events::{AXIS, Events, LABELS};
use super::font::{SMALL, STRONG, ellipsis};
use super::lanes::{Lanes, Packed, Row, bar};
use super::legend::{Entry, Mark};
use super::page::{Page, Picture};
use super::points::points;
use super::steps::{firsts, recovery, shade, training, trigger};
use super::words::{notes, said_of, sentence};
use crate::figure::Size;
use crate::marks::{RetrainingMarks, Span, Timeline};

/// Above this many retrainings neither they nor their windows are drawn across the fish: the lanes
/// above show them.
const SHADED: usize = 12;
/// From this height on a lane may take several rows.
const HIGH: u32 = 480;

/// The figure.
pub(crate) fn model(timeline: &Timeline, size: Size) -> Picture {
    let mut page = Page::new(size, "Drift, retraining and recovery", &sentence(timeline));
    let retrainings = timeline
        .retrainings
        .iter()
        .map(|one| said_of(timeline, one));
    page.describe_newest(retrainings, "windows that triggered");
    let range = ErrorRange::of(timeline);
    page.notes(&notes(timeline, range));
    let marks = &timeline.retrainings;
    let most = if size.height() < HIGH { 1 } else { 3 };
    let triggers = Packed::of(marks.iter().map(|one| one.window.span), most);
    let trained = Packed::of(marks.iter().map(trained_span), most);
    let recoveries = marks
        .iter()
        .map(|one| one.recovery.map(|recovery| recovery.span));
    let recoveries = Packed::of(recoveries, 1);
    let rows = 2 + triggers.count + trained.count + recoveries.count;
    let above = Lanes::height(rows) + 20.0;
    page.key(&entries(timeline), above + AXIS + 60.0);

    let rest = page.rest(LABELS);
    let area = Area {
        top: rest.top + above,
        bottom: rest.bottom - AXIS,
        ..rest
    };
    let events = Events::new(timeline, range, area);
    let shaded = trained.len() <= SHADED;
    let mut lanes = Lanes::new(rest.top, &events);
    lanes.lane("species", 1, |rows| species(&events, rows));
    lanes.lane("model", 1, |rows| versions(&events, rows));
    lanes.packed("trigger", &triggers, |at, row, until| {
        marks.get(at).map(|one| trigger(&events, one, row, until))
    });
    lanes.packed("trained on", &trained, |at, row, until| {
        let one = marks.get(at)?;
        let until = next_retraining(&events, one).map_or(until, |next| until.min(next - 4.0));
        Some(training(&events, one, (row, until), shaded))
    });
    lanes.packed("recovery", &recoveries, |at, row, until| {
        marks.get(at).map(|one| recovery(&events, one, row, until))
    });
    let lanes = lanes.elements;

    page.add(events.bands());
    let shades = marks.iter().map(|one| shade(&events, one, shaded));
    page.add(Element::group("windows", shades.collect()));
    page.add(events.axes());
    page.add(Element::group("lanes", lanes));
    page.add(events.title());
    page.add(events.threshold());
    page.add(points(&events));
    page.add(Element::group("firsts", firsts(&events)));
    page.finish()
}

fn entries(timeline: &Timeline) -> Vec<Entry> {
    let mut entries = common_entries(timeline);
    let marks = &timeline.retrainings;
    let mut add = |shown: bool, mark, label: &str| {
        if shown {
            entries.push(Entry::new(mark, label));
        }
    };
    let any = |has: fn(&RetrainingMarks) -> bool| marks.iter().any(has);
    add(
        any(|one| one.window.span.is_some()),
        Mark::Window,
        "window that triggered, and its mean",
    );
    add(
        any(|one| one.retrained.is_some()),
        Mark::Retrained,
        "retraining",
    );
    add(
        any(|one| one.training.is_some()),
        Mark::Training,
        "training rows",
    );
    add(
        any(|one| one.first_answered.is_some()),
        Mark::First,
        "first fish of the new model",
    );
    add(
        any(|one| one.recovery.is_some()),
        Mark::Recovery,
        "from drift to recovery",
    );
    entries
}

/// The pixel of the next retraining, whose line crosses the lane.
fn next_retraining(events: &Events<'_>, one: &RetrainingMarks) -> Option<f64> {
    let after = one.retrained?.after;
    let all = events.timeline.retrainings.iter();
    let later = all.filter_map(|other| Some(other.retrained?.after).filter(|next| *next > after));
    later.min().map(|next| events.after(next))
}

/// The span of the training rows; where they are not among the fish, that of the retraining.
fn trained_span(one: &RetrainingMarks) -> Option<Span> {
    let rows = one.training.as_ref().map(|training| training.span);
    let moment = one.retrained.map(|retrained| Span {
        first: retrained.after,
        last: retrained.after,
    });
    rows.or(moment)
}

fn species(events: &Events<'_>, rows: &[Row]) -> Vec<Element> {
    let Some(row) = rows.first() else {
        return Vec::new();
    };
    let mut elements = Vec::new();
    for band in &events.timeline.bands {
        let (left, right) = events.across(band.span);
        let name = events.timeline.species_name(band.species);
        let at = ((left + right) / 2.0, row.middle() + 4.0);
        if let Some(shown) = ellipsis(name, STRONG, right - left - 6.0) {
            let text = Element::text("strong", at, Anchor::Middle, shown);
            elements.push(text.titled(name));
        }
    }
    elements
}

fn versions(events: &Events<'_>, rows: &[Row]) -> Vec<Element> {
    let Some(row) = rows.first() else {
        return Vec::new();
    };
    let mut elements = Vec::new();
    for (at, model) in events.timeline.models.iter().enumerate() {
        let version = model.version.as_deref().unwrap_or("none");
        let (left, right) = events.across(model.span);
        let mut texts = vec![version.to_owned()];
        texts.extend(ellipsis(version, SMALL, right - left - 6.0));
        let class = format!("model m{}", at % 2);
        let mut bar = bar(class, events, model.span, (*row, right), &texts);
        if let Some(rect) = bar.first_mut() {
            rect.attributes.push(("data-version", version.to_owned()));
        }
        elements.extend(bar);
    }
    elements
}
