//! SVG elements as values, and how they are written.

use std::borrow::Cow;
use std::fmt::Write;

use super::canvas::Picture;
use super::theme::{Theme, style_sheet};

/// The pattern that marks a trigger's window without relying on colour.
const DEFINITIONS: &str = r#"<defs><pattern id="cw-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch-line" x1="0" y1="0" x2="0" y2="6"/></pattern></defs>"#;

#[derive(Clone, Debug, Default)]
pub(crate) struct Element {
    name: &'static str,
    attributes: Vec<(Cow<'static, str>, String)>,
    /// Tooltip and screen reader text.
    title: Option<String>,
    text: Option<String>,
    children: Vec<Element>,
}

/// Which end of a text its position names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A rectangle, in pixels.
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
        let element = Self {
            name,
            ..Self::default()
        };
        element.with("class", class)
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
        let mut element = Self::new("text", class).at("x", at.0).at("y", at.1);
        element.text = Some(text.into());
        match anchor {
            Anchor::Start => element,
            Anchor::Middle => element.with("text-anchor", "middle"),
            Anchor::End => element.with("text-anchor", "end"),
        }
    }

    pub(crate) fn with(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    fn at(self, name: &'static str, pixels: f64) -> Self {
        self.with(name, px(pixels))
    }

    pub(crate) fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    fn write(&self, out: &mut String) {
        out.extend(["<", self.name]);
        for (name, value) in &self.attributes {
            out.extend([" ", name.as_ref(), "=\""]);
            escape(out, value);
            out.push('"');
        }
        if self.title.is_none() && self.text.is_none() && self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        if let Some(title) = &self.title {
            leaf(out, "title", title);
        }
        escape(out, self.text.as_deref().unwrap_or_default());
        for child in &self.children {
            child.write(out);
        }
        out.extend(["</", self.name, ">"]);
    }
}

/// Pixels with at most two decimals.
pub(crate) fn px(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

/// The picture as an SVG document.
pub(crate) fn document(picture: &Picture, theme: Theme) -> String {
    let mut head = String::new();
    leaf(&mut head, "style", &style_sheet(theme));
    write(picture, &(head + DEFINITIONS))
}

/// The picture as an element of an HTML page that has the style sheet and the [`definitions`].
pub(crate) fn inline(picture: &Picture) -> String {
    write(picture, "")
}

/// An invisible SVG element with the patterns that [inline figures](crate::Figure::inline) refer to.
pub fn definitions() -> String {
    format!(
        r#"<svg class="cw cw-definitions" width="0" height="0" aria-hidden="true">{DEFINITIONS}</svg>"#
    )
}

fn write(picture: &Picture, head: &str) -> String {
    let (width, height) = (picture.size.width(), picture.size.height());
    let mut out = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="cw" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">"#
    );
    leaf(&mut out, "title", &picture.title);
    leaf(&mut out, "desc", &picture.description);
    out.push_str(head);
    for element in &picture.elements {
        element.write(&mut out);
    }
    out.push_str("</svg>\n");
    out
}

fn leaf(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, "<{name}>");
    escape(out, text);
    let _ = write!(out, "</{name}>");
}

/// Appends a text; characters that XML 1.0 cannot represent become U+FFFD.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}');
            }
            _ => out.push(c),
        }
    }
}
