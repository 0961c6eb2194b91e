//! One mark for each fish: its shape and colour are its species', its height is its error.

use super::element::Element;
use super::events::Events;
use super::legend::missing;
use super::scale::percent;
use super::symbol::{colour, symbol};
use crate::marks::FishPoint;

/// A plot as narrow as this is for a phone, where nothing points at a fish to read its title.
const NARROW: f64 = 400.0;
/// Above this many fish, points are drawn in one path for each species, without their titles.
const TITLED: usize = 2_000;
/// Shape of a fish above the scale: it points upwards.
const ABOVE: usize = 1;

/// The radius at which points of so many fish are told apart.
pub(crate) fn radius(events: &Events<'_>) -> f64 {
    let fish = events.timeline.fish.len();
    let spacing = events.area.width() / fish.max(1) as f64;
    let smallest = if fish > 1_000 { 1.6 } else { 2.4 };
    (spacing * 0.85).clamp(smallest, 4.2)
}

/// A mark for each fish.
pub(crate) fn points(events: &Events<'_>) -> Element {
    let fish = &events.timeline.fish;
    let unknown = fish.iter().filter(|one| one.error.is_none());
    let mut elements: Vec<Element> = unknown
        .map(|one| {
            let mark = missing((events.x(one.position), events.area.bottom));
            mark.titled(said_of(events, one))
        })
        .collect();
    if fish.len() <= TITLED {
        elements.extend(fish.iter().filter_map(|one| {
            let point = Element::path(class(events, one), shape(events, one)?);
            let point = point.with("data-fish", &one.id);
            Some(match events.area.width() > NARROW {
                true => point.titled(said_of(events, one)),
                false => point,
            })
        }));
    } else {
        for species in 0..events.timeline.species.len() {
            for unseen in [false, true] {
                elements.extend(together(events, species, unseen));
            }
        }
    }
    Element::group("points", elements)
}

/// All fish of a species in one path.
fn together(events: &Events<'_>, species: usize, unseen: bool) -> Option<Element> {
    let fish = &events.timeline.fish;
    let same = |one: &&FishPoint| one.species == species && one.unseen_species == unseen;
    let shapes = fish
        .iter()
        .filter(same)
        .filter_map(|one| shape(events, one));
    let d: String = shapes.collect();
    let first = fish.iter().find(same).filter(|_| !d.is_empty())?;
    Some(Element::path(class(events, first), d))
}

fn shape(events: &Events<'_>, one: &FishPoint) -> Option<String> {
    let error = one.error?;
    let above = error > events.range.top;
    let shape = if above { ABOVE } else { one.species };
    let at = (events.x(one.position), events.y(error));
    Some(symbol(shape, at, radius(events)))
}

fn class(events: &Events<'_>, fish: &FishPoint) -> String {
    let pooled = if fish.unseen_species { " pooled" } else { "" };
    let tiny = if radius(events) < 2.0 { " tiny" } else { "" };
    format!("point{pooled}{tiny} {}", colour(fish.species))
}

fn said_of(events: &Events<'_>, fish: &FishPoint) -> String {
    let error = fish
        .error
        .map_or("no error known".to_owned(), |error| percent(error, 1));
    let model = fish.model_version.as_deref().unwrap_or("none");
    let species = events.timeline.species_name(fish.species);
    let time = fish.measured;
    format!(
        "fish {}, {species}, {time}: {error}, model {model}",
        fish.id
    )
}
