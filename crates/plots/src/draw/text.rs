//! Text widths in the bundled font, Inter, and how texts are cut and wrapped to fit.

/// For each character that Inter has here, sorted: code point, advance of the regular face, advance of
/// the semi-bold face. Big-endian `u16`s. A test compares them with the fonts.
const ADVANCES: &[u8] = include_bytes!("../../assets/Inter.advances");
/// Units of an advance per em.
pub(crate) const UNITS_PER_EM: u16 = 2816;

/// Extra width, because a reader without Inter sees another font.
pub(crate) const SLACK: f64 = 1.06;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Face {
    pub(crate) bold: bool,
    pub(crate) size: f64,
}

/// Ticks, labels, legend.
pub(crate) const SMALL: Face = Face {
    bold: false,
    size: 11.0,
};
pub(crate) const STRONG: Face = Face {
    bold: true,
    size: 11.0,
};
/// The line below the title.
pub(crate) const SUBTITLE: Face = Face {
    bold: false,
    size: 12.0,
};
pub(crate) const TITLE: Face = Face {
    bold: true,
    size: 16.0,
};

/// The width of a text in pixels, including [`SLACK`]. A character that the font lacks counts as 1 em.
pub(crate) fn width(text: &str, face: Face) -> f64 {
    let units: u64 = text.chars().map(|c| advance(c, face.bold)).sum();
    units as f64 / f64::from(UNITS_PER_EM) * face.size * SLACK
}

fn advance(c: char, bold: bool) -> u64 {
    let (rows, _) = ADVANCES.as_chunks::<6>();
    let code = |row: &[u8; 6]| u32::from(u16::from_be_bytes([row[0], row[1]]));
    let found = rows.binary_search_by_key(&u32::from(c), code).ok();
    let units = match found.and_then(|at| rows.get(at)) {
        Some([_, _, _, _, high, low]) if bold => u16::from_be_bytes([*high, *low]),
        Some([_, _, high, low, _, _]) => u16::from_be_bytes([*high, *low]),
        None => UNITS_PER_EM,
    };
    units.into()
}

/// The text, or as much of its start as fits before an ellipsis; `None` if fewer than three
/// characters fit.
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

/// The text, or as much of its end as fits after an ellipsis: long ids often share their start.
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
