//! Lays out a picture: title, legend and notes, and the area that they leave for plots.

use super::legend::{Entry, legend};
use super::svg::{Anchor, Area, Element};
use super::text::{SMALL, SUBTITLE, TITLE, ellipsis, wrap};
use crate::figure::Size;

const MARGIN: f64 = 16.0;
const LINE: f64 = 16.0;
const LEGEND_GAP: f64 = 6.0;
/// Maximum number of items in a description: a screen reader reads it as a whole.
const DESCRIBED: usize = 5;

/// A finished picture.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) size: Size,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) elements: Vec<Element>,
}

/// Filled from the top (title, legend) and from the bottom (notes).
pub(crate) struct Canvas {
    picture: Picture,
    top: f64,
    bottom: f64,
}

impl Canvas {
    /// A picture with a title and a sentence that sums up what it shows.
    pub(crate) fn new(size: Size, title: &str, sentence: &str) -> Self {
        let (width, height) = (f64::from(size.width()), f64::from(size.height()));
        let all = Area {
            left: 0.0,
            top: 0.0,
            right: width,
            bottom: height,
        };
        let mut canvas = Self {
            picture: Picture {
                size,
                title: title.to_owned(),
                description: sentence.to_owned(),
                elements: vec![Element::rect("surface", all)],
            },
            top: 26.0,
            bottom: height - 10.0,
        };
        let shown = ellipsis(title, TITLE, canvas.room()).unwrap_or_default();
        canvas.text("title", canvas.top, shown);
        for line in wrap(sentence, SUBTITLE, canvas.room()) {
            canvas.top += LINE;
            canvas.text("subtitle muted", canvas.top, line);
        }
        canvas.top += 8.0;
        canvas
    }

    fn room(&self) -> f64 {
        f64::from(self.picture.size.width()) - 2.0 * MARGIN
    }

    fn text(&mut self, class: &str, y: f64, text: String) {
        self.add(Element::text(class, (MARGIN, y), Anchor::Start, text));
    }

    /// The legend below the title, unless it would leave less than `needed` pixels.
    pub(crate) fn legend(&mut self, entries: &[Entry], needed: f64) {
        let (elements, height) = legend(entries, (MARGIN, self.top), self.room());
        if self.bottom - self.top - height - LEGEND_GAP >= needed {
            self.add(Element::group("legend", elements));
            self.top += height + LEGEND_GAP;
        }
    }

    /// Sentences below the plot: what it leaves out, and where its scale is unusual.
    pub(crate) fn notes(&mut self, notes: &[String]) {
        if notes.is_empty() {
            return;
        }
        let text = notes.join(" ");
        self.describe(&text);
        for line in wrap(&text, SMALL, self.room()).into_iter().rev() {
            self.text("note muted", self.bottom, line);
            self.bottom -= 14.0;
        }
        self.bottom -= 4.0;
    }

    /// Adds a sentence to the description for screen readers.
    fn describe(&mut self, sentence: &str) {
        self.picture.description.push(' ');
        self.picture.description.push_str(sentence);
    }

    /// Adds a sentence for each of the newest items to the description, and counts the older ones.
    pub(crate) fn describe_newest(
        &mut self,
        sentences: impl ExactSizeIterator<Item = String>,
        things: &str,
    ) {
        let (all, older) = (sentences.len(), sentences.len().saturating_sub(DESCRIBED));
        if older > 0 {
            self.describe(&format!("The newest {DESCRIBED} of {all} {things}:"));
        }
        for sentence in sentences.skip(older) {
            self.describe(&sentence);
        }
    }

    /// The area that is free, from the pixel `left` on.
    pub(crate) fn rest(&self, left: f64) -> Area {
        Area {
            left,
            top: self.top,
            right: f64::from(self.picture.size.width()) - MARGIN,
            bottom: self.bottom,
        }
    }

    pub(crate) fn add(&mut self, element: Element) {
        self.picture.elements.push(element);
    }

    pub(crate) fn finish(self) -> Picture {
        self.picture
    }
}
