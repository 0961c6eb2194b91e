//! SVG elements as values.

use std::borrow::Cow;

/// An element of the picture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: &'static str,
    pub(crate) attributes: Vec<(&'static str, String)>,
    /// What is said of it under the pointer and to a screen reader.
    pub(crate) title: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) children: Vec<Element>,
}

/// Where a text is in relation to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Area {
    pub(crate) fn width(self) -> f64 {
        self.right - self.left
    }

    pub(crate) fn height(self) -> f64 {
        self.bottom - self.top
    }
}

impl Element {
    pub(crate) fn new(name: &'static str, class: impl Into<String>) -> Self {
        Self {
            name,
            ..Self::default()
        }
        .with("class", class)
    }

    pub(crate) fn group(class: &'static str, children: Vec<Self>) -> Self {
        Self {
            children,
            ..Self::new("g", class)
        }
    }

    pub(crate) fn rect(class: impl Into<String>, area: Area) -> Self {
        Self::new("rect", class)
            .at("x", area.left)
            .at("y", area.top)
            .at("width", area.width().max(0.0))
            .at("height", area.height().max(0.0))
    }

    pub(crate) fn line(class: impl Into<String>, from: (f64, f64), to: (f64, f64)) -> Self {
        Self::new("line", class)
            .at("x1", from.0)
            .at("y1", from.1)
            .at("x2", to.0)
            .at("y2", to.1)
    }

    pub(crate) fn path(class: impl Into<String>, d: impl Into<String>) -> Self {
        Self::new("path", class).with("d", d)
    }

    pub(crate) fn circle(class: impl Into<String>, at: (f64, f64), radius: f64) -> Self {
        Self::new("circle", class)
            .at("cx", at.0)
            .at("cy", at.1)
            .at("r", radius)
    }

    /// A text whose baseline is at `at`.
    pub(crate) fn text(
        class: impl Into<String>,
        at: (f64, f64),
        anchor: Anchor,
        text: impl Into<String>,
    ) -> Self {
        let element = Self {
            text: Some(text.into()),
            ..Self::new("text", class)
        };
        let element = element.at("x", at.0).at("y", at.1);
        match anchor {
            Anchor::Start => element,
            Anchor::Middle => element.with("text-anchor", "middle"),
            Anchor::End => element.with("text-anchor", "end"),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    pub(crate) fn at(self, name: &'static str, pixels: f64) -> Self {
        self.with(name, px(pixels))
    }

    pub(crate) fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }
}

/// Pixels with two decimals at most, without trailing zeros.
pub(crate) fn px(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

/// A text without the characters that XML 1.0 has no way to write, each replaced by U+FFFD.
pub(crate) fn writable(text: &str) -> Cow<'_, str> {
    let forbidden = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if text.contains(forbidden) {
        Cow::Owned(text.replace(forbidden, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}
