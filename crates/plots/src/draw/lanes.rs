//! Lanes above a plot: bars over the same records.

use super::record_plot::RecordPlot;
use super::svg::{Anchor, Area, Element};
use super::text::{SMALL, first_fitting};
use crate::marks::Span;

/// Height of a bar, and of the gap below it.
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

/// Spans in rows, so that overlapping spans do not hide each other.
pub(crate) struct Packed {
    /// Each span with its row; `None` where there is no span.
    spans: Vec<Option<(Span, usize)>>,
    /// Number of rows.
    pub(crate) rows: usize,
}

impl Packed {
    /// Packs the spans into at most `most` rows. Further spans overlap in the last row.
    pub(crate) fn new(spans: impl Iterator<Item = Option<Span>>, most: usize) -> Self {
        let mut ends: Vec<usize> = Vec::new();
        let mut place = |span: Span| {
            let free = ends.iter().position(|end| *end < span.first);
            let row = free.unwrap_or(ends.len().min(most.max(1) - 1));
            match ends.get_mut(row) {
                Some(end) => *end = span.last.max(*end),
                None => ends.push(span.last),
            }
            (span, row)
        };
        let spans = spans.map(|span| span.map(&mut place)).collect();
        Self {
            spans,
            rows: ends.len(),
        }
    }

    /// Number of spans.
    pub(crate) fn len(&self) -> usize {
        self.spans.iter().flatten().count()
    }

    /// The next span in a row, after the span number `at`.
    fn next_in(&self, row: usize, at: usize) -> Option<Span> {
        let later = self.spans.iter().skip(at + 1).flatten();
        let mut same_row = later.filter(|(_, other)| *other == row);
        same_row.next().map(|(span, _)| *span)
    }
}

/// A stack of lanes, filled from the top.
pub(crate) struct Lanes<'a> {
    top: f64,
    plot: &'a RecordPlot<'a>,
    pub(crate) elements: Vec<Element>,
}

impl<'a> Lanes<'a> {
    pub(crate) fn new(top: f64, plot: &'a RecordPlot<'a>) -> Self {
        Self {
            top,
            plot,
            elements: Vec::new(),
        }
    }

    pub(crate) fn height(rows: usize) -> f64 {
        rows as f64 * (BAR + GAP)
    }

    /// Adds a lane of one row.
    pub(crate) fn single(&mut self, name: &str, draw: impl FnOnce(Row) -> Vec<Element>) {
        let row = self.start(name, 1);
        self.elements.extend(draw(row(0)));
    }

    /// Adds a lane of spans, if there are any. `draw` gets the number of a span, its row, and the pixel
    /// up to which the row is free.
    pub(crate) fn packed(
        &mut self,
        name: &str,
        packed: &Packed,
        draw: impl Fn(usize, Row, f64) -> Option<Vec<Element>>,
    ) {
        if packed.rows == 0 {
            return;
        }
        let row = self.start(name, packed.rows);
        for (at, place) in packed.spans.iter().enumerate() {
            let Some((_, number)) = place else { continue };
            let next = packed.next_in(*number, at);
            let right = self.plot.area.right;
            let until = next.map_or(right, |span| self.plot.edges(span).0 - 4.0);
            let drawn = draw(at, row(*number), until);
            self.elements.extend(drawn.unwrap_or_default());
        }
    }

    /// Draws a lane's name and returns where its rows are.
    fn start(&mut self, name: &str, rows: usize) -> impl Fn(usize) -> Row + use<> {
        let first = self.top;
        let at = (self.plot.area.left - 7.0, first + BAR / 2.0 + 4.0);
        let name = Element::text("lane muted", at, Anchor::End, name);
        self.elements.push(name);
        self.top += Self::height(rows);
        move |row| {
            let top = first + Self::height(row);
            let bottom = top + BAR;
            Row { top, bottom }
        }
    }
}

/// A bar over a span, with the first of the texts that fits in it. The next bar covers everything
/// right of the pixel `until`.
pub(crate) fn bar(
    class: impl Into<String>,
    plot: &RecordPlot<'_>,
    span: Span,
    (row, until): (Row, f64),
    texts: &[String],
) -> Vec<Element> {
    let (left, right) = plot.edges(span);
    let area = Area {
        left,
        right,
        top: row.top,
        bottom: row.bottom,
    };
    let rect = plot.spanning(Element::rect(class, area), span);
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

/// The first of the texts that fits between two pixels.
pub(crate) fn beside(texts: &[String], row: Row, from: f64, to: f64) -> Option<Element> {
    let text = first_fitting(texts, SMALL, to - from)?;
    let at = (from, row.middle() + 4.0);
    Some(Element::text("bar-label", at, Anchor::Start, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_overlap_are_in_different_rows() {
        let span = |first, last| Some(Span { first, last });
        let spans = [span(1, 50), span(40, 90), None, span(51, 60), span(45, 99)];
        let packed = Packed::new(spans.into_iter(), 3);
        let rows = packed.spans.iter().map(|one| one.map(|(_, row)| row));
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows, [Some(0), Some(1), None, Some(0), Some(2)]);
        assert_eq!(packed.next_in(0, 0), span(51, 60));
    }
}
