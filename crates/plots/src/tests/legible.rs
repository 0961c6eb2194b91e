//! No text overlaps another or leaves the picture, however much there is to draw.

use report::Report;
use resvg::usvg::{Group, Node, Options, Rect, Tree};

use skrifa::instance::LocationRef;
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider};

use super::sample::{Run, Stretch, plan};
use crate::draw::text::{Face, SLACK, UNITS_PER_EM, width};
use crate::png::{FONTS, options};
use crate::{Figure, Size, Theme};

const SIZES: [(u32, u32); 5] = [(960, 560), (1120, 520), (380, 500), (320, 320), (2000, 400)];

/// Each text with the box around its glyphs, in the bundled font.
fn texts(svg: &str, options: &Options<'_>) -> Vec<(String, Rect)> {
    let tree = Tree::from_str(svg, options).unwrap();
    let mut found = Vec::new();
    collect(tree.root(), &mut found);
    found
}

fn collect(group: &Group, found: &mut Vec<(String, Rect)>) {
    for node in group.children() {
        match node {
            Node::Group(group) => collect(group, found),
            Node::Text(text) => {
                let content = text.chunks().iter().map(|chunk| chunk.text()).collect();
                found.push((content, text.abs_bounding_box()));
            }
            _ => {}
        }
    }
}

/// By how many pixels two boxes overlap.
fn overlap(one: Rect, other: Rect) -> (f32, f32) {
    (
        one.right().min(other.right()) - one.left().max(other.left()),
        one.bottom().min(other.bottom()) - one.top().max(other.top()),
    )
}

fn problems(
    report: &Report,
    figure: Figure,
    (width, height): (u32, u32),
    options: &Options<'_>,
) -> Vec<String> {
    let size = Size::new(width, height).unwrap();
    let svg = figure.svg(report, Theme::Light, size).unwrap();
    let texts = texts(&svg, options);
    let mut problems = Vec::new();
    for (at, (text, place)) in texts.iter().enumerate() {
        let inside = place.left() >= 0.0
            && place.top() >= 0.0
            && place.right() <= width as f32
            && place.bottom() <= height as f32;
        if !inside {
            problems.push(format!("{text:?} is cut at the edge: {place:?}"));
        }
        for (other, there) in texts.iter().skip(at + 1) {
            let (across, down) = overlap(*place, *there);
            // Descenders of one line may touch the next.
            if across > 0.5 && down > 2.0 {
                problems.push(format!(
                    "{text:?} overlaps {other:?}: {across:.1} x {down:.1}"
                ));
            }
        }
    }
    problems
}

fn stretches(species: &[&'static str], fish: usize, count: usize) -> Vec<Stretch<'static>> {
    let weight = |at: usize| 4.8 / (1.0 + (at % species.len()) as f64 * 0.7);
    (0..count)
        .map(|at| Stretch::new(species[at % species.len()], fish, weight(at)))
        .collect()
}

const SPECIES: [&str; 10] = [
    "salmon",
    "walleye",
    "char",
    "perch",
    "northern pike",
    "trout",
    "lake whitefish",
    "cod",
    "pacific halibut",
    "sturgeon",
];

#[test]
fn no_text_overlaps_another() {
    let mut unweighed = Run::of(&plan());
    for row in &mut unweighed.record_rows {
        (row.weighed, row.actual, row.error) = (None, None, None);
    }
    unweighed.retrainings.clear();
    let mut named = Run::of(&plan());
    for row in &mut named.record_rows {
        row.id = format!("line-3/7f1c9e52-{}", row.id);
    }
    let runs = [
        ("the default plan", Run::of(&plan())),
        ("no fish", Run::of(&[])),
        ("one fish", Run::of(&[Stretch::new("salmon", 1, 4.6)])),
        ("no retraining", Run::of(&plan()[..1])),
        ("no weighing", unweighed),
        ("long ids", named),
        ("ten species", Run::of(&stretches(&SPECIES, 45, 10))),
        (
            "ten species, repeated",
            Run::of(&stretches(&SPECIES, 33, 40)),
        ),
        ("3,000 fish", Run::of(&stretches(&SPECIES[..3], 100, 30))),
    ];
    let options = options();
    let mut found = Vec::new();
    for (name, report) in &runs {
        for figure in Figure::ALL {
            for size in SIZES {
                let problems = problems(report, figure, size, &options).into_iter();
                found.extend(problems.map(|one| format!("{name}, {figure:?} {size:?}: {one}")));
            }
        }
    }
    assert!(
        found.is_empty(),
        "{} problems:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn text_widths_are_those_of_the_fonts() {
    for (font, bold) in FONTS.into_iter().zip([false, true]) {
        let font = FontRef::new(font).unwrap();
        let metrics = GlyphMetrics::new(
            &font,
            skrifa::instance::Size::unscaled(),
            LocationRef::default(),
        );
        let mut characters = 0;
        for (code, glyph) in font.charmap().mappings() {
            let face = Face {
                bold,
                size: f64::from(UNITS_PER_EM),
            };
            let expected = f64::from(metrics.advance_width(glyph).unwrap()) * SLACK;
            let text = char::from_u32(code).unwrap().to_string();
            assert!(
                (width(&text, face) - expected).abs() < 1e-6,
                "{text:?} {bold}"
            );
            characters += 1;
        }
        assert_eq!(characters, 574);
    }
}
