//! From elements to SVG.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

use super::element::{Element, writable};
use super::page::Picture;
use super::theme::{Theme, style_sheet};

/// Patterns that tell areas apart without colour.
const DEFINITIONS: &str = r#"<defs><pattern id="cw-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch-line" x1="0" y1="0" x2="0" y2="6"/></pattern></defs>"#;

/// The picture as an SVG document.
pub(crate) fn write(picture: &Picture, theme: Theme) -> io::Result<String> {
    write_with(picture, |writer| {
        leaf(writer, "style", &style_sheet(theme))?;
        writer.get_mut().extend_from_slice(DEFINITIONS.as_bytes());
        Ok(())
    })
}

/// The picture as an element of an HTML page that has the style sheet and [`definitions`].
pub(crate) fn write_inline(picture: &Picture) -> io::Result<String> {
    write_with(picture, |_| Ok(()))
}

/// An SVG element without extent, with what pictures in the same page refer to.
pub(crate) fn definitions() -> String {
    format!(
        r#"<svg class="cw cw-definitions" width="0" height="0" aria-hidden="true">{DEFINITIONS}</svg>"#
    )
}

fn write_with(
    picture: &Picture,
    head: impl Fn(&mut Writer<Vec<u8>>) -> io::Result<()>,
) -> io::Result<String> {
    let (width, height) = (picture.size.width(), picture.size.height());
    let mut writer = Writer::new(Vec::new());
    let view_box = format!("0 0 {width} {height}");
    let root = BytesStart::new("svg").with_attributes([
        ("xmlns", "http://www.w3.org/2000/svg"),
        ("class", "cw"),
        ("width", width.to_string().as_str()),
        ("height", height.to_string().as_str()),
        ("viewBox", view_box.as_str()),
        ("role", "img"),
    ]);
    writer.write_event(Event::Start(root))?;
    leaf(&mut writer, "title", &picture.title)?;
    leaf(&mut writer, "desc", &picture.description)?;
    head(&mut writer)?;
    for element in &picture.elements {
        write_element(&mut writer, element)?;
    }
    writer.write_event(Event::End(BytesEnd::new("svg")))?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn leaf(writer: &mut Writer<Vec<u8>>, name: &'static str, text: &str) -> io::Result<()> {
    writer
        .create_element(name)
        .write_text_content(BytesText::new(&writable(text)))?;
    Ok(())
}

fn write_element(writer: &mut Writer<Vec<u8>>, element: &Element) -> io::Result<()> {
    let mut start = BytesStart::new(element.name);
    for (name, value) in &element.attributes {
        start.push_attribute((*name, writable(value).as_ref()));
    }
    if element.title.is_none() && element.text.is_none() && element.children.is_empty() {
        return writer.write_event(Event::Empty(start));
    }
    writer.write_event(Event::Start(start))?;
    if let Some(title) = &element.title {
        leaf(writer, "title", title)?;
    }
    if let Some(text) = &element.text {
        writer.write_event(Event::Text(BytesText::new(&writable(text))))?;
    }
    for child in &element.children {
        write_element(writer, child)?;
    }
    writer.write_event(Event::End(BytesEnd::new(element.name)))
}
