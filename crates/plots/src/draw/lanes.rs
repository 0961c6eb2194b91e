//! Lanes above a plot: what happened to which fish, as bars over the same events.

use super::element::{Anchor, Area, Element};
use super::events::Events;
use super::font::{SMALL, first_fitting};
use crate::marks::Span;

/// Height of a lane's bar, and of the gap below it.
const BAR: f64 = 17.0;
const GAP: f64 = 4.0;

/// A row of bars.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

impl Row {
    pub(crate) fn middle(self) -> f64 {
        (self.top + self.bottom) / 2.0
    }
}

/// The rows of a lane, chosen so that spans which overlap do not hide one another.
pub(crate) struct Packed {
    spans: Vec<Option<(Span, usize)>>,
    /// How many rows.
    pub(crate) count: usize,
}

impl Packed {
    /// Rows for the spans, `most` of them; what is beyond is drawn over the last one.
    pub(crate) fn of(spans: impl Iterator<Item = Option<Span>>, most: usize) -> Self {
        let mut ends: Vec<usize> = Vec::new();
        let place = |span: Span| {
            let free = ends.iter().position(|end| *end < span.first);
            let row = free.unwrap_or(ends.len().min(most.max(1) - 1));
            match ends.get_mut(row) {
                Some(end) => *end = span.last.max(*end),
                None => ends.push(span.last),
            }
            (span, row)
        };
        let mut place = place;
        let spans = spans.map(|span| span.map(&mut place)).collect();
        Self {
            spans,
            count: ends.len(),
        }
    }

    /// How many spans there are.
    pub(crate) fn len(&self) -> usize {
        self.spans.iter().flatten().count()
    }

    /// The next span in a row.
    fn next_in(&self, row: usize, at: usize) -> Option<Span> {
        let mut later = self.spans.iter().skip(at + 1).flatten();
        later
            .find(|(_, other)| *other == row)
            .map(|(span, _)| *span)
    }
}

/// A stack of lanes, filled from the top.
pub(crate) struct Lanes<'a> {
    top: f64,
    events: &'a Events<'a>,
    pub(crate) elements: Vec<Element>,
}

impl<'a> Lanes<'a> {
    pub(crate) fn new(top: f64, events: &'a Events<'a>) -> Self {
        Self {
            top,
            events,
            elements: Vec::new(),
        }
    }

    /// The height of so many rows.
    pub(crate) fn height(rows: usize) -> f64 {
        rows as f64 * (BAR + GAP)
    }

    /// A lane with its name and so many rows, filled by `draw`.
    pub(crate) fn lane(
        &mut self,
        name: &str,
        rows: usize,
        draw: impl FnOnce(&[Row]) -> Vec<Element>,
    ) {
        let at = (self.events.area.left - 7.0, self.top + BAR / 2.0 + 4.0);
        let name = Element::text("lane muted", at, Anchor::End, name);
        self.elements.push(name);
        let rows: Vec<_> = (0..rows)
            .map(|row| {
                let top = self.top + Self::height(row);
                let bottom = top + BAR;
                Row { top, bottom }
            })
            .collect();
        self.top += Self::height(rows.len());
        self.elements.extend(draw(&rows));
    }

    /// A lane of spans, none where there are none. `draw` gets the number of a span, its row, and
    /// the pixel up to which the row is free behind it.
    pub(crate) fn packed(
        &mut self,
        name: &str,
        packed: &Packed,
        draw: impl Fn(usize, Row, f64) -> Option<Vec<Element>>,
    ) {
        if packed.count == 0 {
            return;
        }
        let events = self.events;
        self.lane(name, packed.count, |rows| {
            let mut elements = Vec::new();
            for (at, place) in packed.spans.iter().enumerate() {
                let Some((_, number)) = place else { continue };
                let Some(row) = rows.get(*number) else {
                    continue;
                };
                let next = packed.next_in(*number, at);
                let until = next.map_or(events.area.right, |span| events.across(span).0 - 4.0);
                elements.extend(draw(at, *row, until).unwrap_or_default());
            }
            elements
        });
    }
}

/// A bar over a span, with the first of the texts that fits in it, up to the pixel `until` where the
/// next bar hides it.
pub(crate) fn bar(
    class: impl Into<String>,
    events: &Events<'_>,
    span: Span,
    (row, until): (Row, f64),
    texts: &[String],
) -> Vec<Element> {
    let (left, right) = events.across(span);
    let area = Area {
        left,
        right,
        top: row.top,
        bottom: row.bottom,
    };
    let rect = events.of_fish(Element::rect(class, area), span);
    let mut elements = vec![match texts.first() {
        Some(longest) => rect.titled(longest),
        None => rect,
    }];
    let seen = right.min(until);
    if let Some(text) = first_fitting(texts, SMALL, seen - left - 6.0) {
        let at = ((left + seen) / 2.0, row.middle() + 4.0);
        elements.push(Element::text("bar-label", at, Anchor::Middle, text));
    }
    elements
}

/// The first of the texts that fits between two pixels, from the left one on.
pub(crate) fn beside(texts: &[String], row: Row, from: f64, to: f64) -> Option<Element> {
    let text = first_fitting(texts, SMALL, to - from)?;
    let at = (from, row.middle() + 4.0);
    Some(Element::text("bar-label", at, Anchor::Start, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_that_overlap_come_into_rows_of_their_own() {
        let span = |first, last| Some(Span { first, last });
        let spans = [span(1, 50), span(40, 90), None, span(51, 60), span(45, 99)];
        let packed = Packed::of(spans.into_iter(), 3);
        let rows: Vec<_> = packed
            .spans
            .iter()
            .map(|one| one.map(|(_, row)| row))
            .collect();
        assert_eq!(rows, [Some(0), Some(1), None, Some(0), Some(2)]);
        assert_eq!(packed.next_in(0, 0), span(51, 60));
    }
}
