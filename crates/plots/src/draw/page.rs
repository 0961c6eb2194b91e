//! The page around a plot: title, key, notes, and what is left for the plot.

use super::element::{Anchor, Area, Element};
use super::font::{SMALL, SUBTITLE, TITLE, ellipsis, wrap};
use super::legend::{Entry, legend};
use crate::figure::Size;

const MARGIN: f64 = 16.0;
const LINE: f64 = 16.0;
const KEY_GAP: f64 = 6.0;
/// How many of many things a description tells of: it is read out as a whole.
const DESCRIBED: usize = 5;

/// A finished picture.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) size: Size,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) elements: Vec<Element>,
}

/// A picture in the making, filled from the top and from the bottom.
pub(crate) struct Page {
    picture: Picture,
    top: f64,
    bottom: f64,
}

impl Page {
    /// A page with its title and a sentence that says what is to be seen.
    pub(crate) fn new(size: Size, title: &str, sentence: &str) -> Self {
        let (width, height) = (f64::from(size.width()), f64::from(size.height()));
        let all = Area {
            left: 0.0,
            top: 0.0,
            right: width,
            bottom: height,
        };
        let mut page = Self {
            picture: Picture {
                size,
                title: title.to_owned(),
                description: sentence.to_owned(),
                elements: vec![Element::rect("surface", all)],
            },
            top: 26.0,
            bottom: height - 10.0,
        };
        let room = width - 2.0 * MARGIN;
        let shown = ellipsis(title, TITLE, room).unwrap_or_default();
        page.add(Element::text(
            "title",
            (MARGIN, page.top),
            Anchor::Start,
            shown,
        ));
        for line in wrap(sentence, SUBTITLE, room) {
            page.top += LINE;
            page.add(Element::text(
                "subtitle muted",
                (MARGIN, page.top),
                Anchor::Start,
                line,
            ));
        }
        page.top += 8.0;
        page
    }

    /// The key below the title; left out where it would leave less than `needed` pixels.
    pub(crate) fn key(&mut self, entries: &[Entry], needed: f64) {
        let room = f64::from(self.picture.size.width()) - 2.0 * MARGIN;
        let (elements, height) = legend(entries, (MARGIN, self.top), room);
        if self.bottom - self.top - height - KEY_GAP < needed {
            return;
        }
        self.add(Element::group("legend", elements));
        self.top += height + KEY_GAP;
    }

    /// Sentences at the foot: what the plot leaves out, and where it is not to be taken literally.
    pub(crate) fn notes(&mut self, notes: &[String]) {
        let room = f64::from(self.picture.size.width()) - 2.0 * MARGIN;
        if notes.is_empty() {
            return;
        }
        let text = notes.join(" ");
        self.describe(&text);
        let lines = wrap(&text, SMALL, room);
        for line in lines.into_iter().rev() {
            let at = (MARGIN, self.bottom);
            self.add(Element::text("note muted", at, Anchor::Start, line));
            self.bottom -= 14.0;
        }
        self.bottom -= 4.0;
    }

    /// A sentence more for those who cannot see the picture.
    pub(crate) fn describe(&mut self, sentence: &str) {
        self.picture.description.push(' ');
        self.picture.description.push_str(sentence);
    }

    /// A sentence on each of the newest of many things, for those who cannot see the picture; what was
    /// before them is only counted.
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

    /// What title, key and notes leave, less `left` pixels for the labels of rows.
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
