//! Widths of texts, in the font that is bundled for pixels and named first in the SVG.

use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider};

/// Inter, reduced to Latin, Greek and Cyrillic (see `assets/OFL.txt`).
pub(crate) const FONTS: [&[u8]; 2] = [
    include_bytes!("../../assets/Inter-Regular.otf"),
    include_bytes!("../../assets/Inter-SemiBold.otf"),
];

/// A reader's machine may have another font: texts get this much more room than Inter needs.
const SLACK: f64 = 1.06;

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Face {
    bold: bool,
    size: f64,
}

/// Ticks, labels, legend.
pub(crate) const SMALL: Face = Face {
    bold: false,
    size: 11.0,
};
/// Names that stand out.
pub(crate) const STRONG: Face = Face {
    bold: true,
    size: 11.0,
};
/// The line below the title.
pub(crate) const SUBTITLE: Face = Face {
    bold: false,
    size: 12.0,
};
/// The title.
pub(crate) const TITLE: Face = Face {
    bold: true,
    size: 16.0,
};

/// The width of a text in pixels, with some slack; an estimate where the font lacks a character.
pub(crate) fn width(text: &str, face: Face) -> f64 {
    let [regular, bold] = FONTS;
    let Ok(font) = FontRef::new(if face.bold { bold } else { regular }) else {
        return text.chars().count() as f64 * face.size * 0.6;
    };
    let glyphs = GlyphMetrics::new(&font, Size::new(1.0), LocationRef::default());
    let charmap = font.charmap();
    let advance = |c: char| {
        let glyph = charmap.map(c).and_then(|glyph| glyphs.advance_width(glyph));
        f64::from(glyph.unwrap_or(1.0))
    };
    text.chars().map(advance).sum::<f64>() * face.size * SLACK
}

/// The text, or as much of it as fits with an ellipsis; none where not even three characters fit.
pub(crate) fn ellipsis(text: &str, face: Face, room: f64) -> Option<String> {
    if width(text, face) <= room {
        return Some(text.to_owned());
    }
    let characters: Vec<char> = text.chars().collect();
    (3..characters.len()).rev().find_map(|kept| {
        let start: String = characters.get(..kept)?.iter().collect();
        let cut = format!("{}…", start.trim_end());
        (width(&cut, face) <= room).then_some(cut)
    })
}

/// The text, or as much of its end as fits after an ellipsis: ids that are long begin alike.
pub(crate) fn ending(text: &str, face: Face, room: f64) -> String {
    if width(text, face) <= room {
        return text.to_owned();
    }
    let starts = text.char_indices().skip(1);
    let shorter = starts.map(|(start, _)| format!("…{}", text.get(start..).unwrap_or_default()));
    let mut fitting = shorter.skip_while(|shorter| width(shorter, face) > room);
    fitting.next().unwrap_or_default()
}

/// The first of the texts that fits.
pub(crate) fn first_fitting(texts: &[String], face: Face, room: f64) -> Option<&str> {
    let fitting = texts.iter().find(|text| width(text, face) <= room);
    fitting.map(String::as_str)
}

/// The text in lines that fit, broken at spaces.
pub(crate) fn wrap(text: &str, face: Face, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match (longer, lines.last_mut()) {
            (Some(longer), Some(line)) if width(&longer, face) <= room => *line = longer,
            _ => lines.push(ellipsis(word, face, room).unwrap_or_default()),
        }
    }
    lines
}
