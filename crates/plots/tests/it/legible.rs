//! Texts that can be read: none over another, none cut by the picture's edge, however much there is.

use std::fs;
use std::sync::Arc;

use plots::{Figure, Size, Theme};
use report::Report;
use resvg::usvg::{Group, Node, Options, Rect, Tree, fontdb};

use crate::sample::{Run, Stretch, plan};

const SIZES: [(u32, u32); 5] = [(960, 560), (1120, 520), (380, 500), (320, 320), (2000, 400)];

/// Each text with the box around what is drawn of it, in the bundled font.
fn texts(svg: &str) -> Vec<(String, Rect)> {
    let mut fonts = fontdb::Database::new();
    for font in ["Inter-Regular.otf", "Inter-SemiBold.otf"] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/");
        fonts.load_font_data(fs::read(format!("{path}{font}")).unwrap());
    }
    let options = Options {
        font_family: "Inter".to_owned(),
        fontdb: Arc::new(fonts),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).unwrap();
    let mut found = Vec::new();
    collect(tree.root(), &mut found);
    found
}

fn collect(group: &Group, found: &mut Vec<(String, Rect)>) {
    for node in group.children() {
        match node {
            Node::Group(group) => collect(group, found),
            Node::Text(text) => {
                let said = text.chunks().iter().map(|chunk| chunk.text()).collect();
                found.push((said, text.abs_bounding_box()));
            }
            _ => {}
        }
    }
}

/// By how many pixels two boxes are over each other.
fn overlap(one: Rect, other: Rect) -> (f32, f32) {
    (
        one.right().min(other.right()) - one.left().max(other.left()),
        one.bottom().min(other.bottom()) - one.top().max(other.top()),
    )
}

fn hard_to_read(report: &Report, figure: Figure, (width, height): (u32, u32)) -> Vec<String> {
    let size = Size::new(width, height).unwrap();
    let svg = figure.svg(report, Theme::Light, size).unwrap();
    let texts = texts(&svg);
    let mut problems = Vec::new();
    for (at, (text, place)) in texts.iter().enumerate() {
        let inside = place.left() >= 0.0
            && place.top() >= 0.0
            && place.right() <= width as f32
            && place.bottom() <= height as f32;
        if !inside {
            problems.push(format!("{text:?} is cut by the edge: {place:?}"));
        }
        for (other, there) in texts.iter().skip(at + 1) {
            let (across, down) = overlap(*place, *there);
            // Descenders of one line may come near to the next.
            if across > 0.5 && down > 2.0 {
                problems.push(format!(
                    "{text:?} is over {other:?}: {across:.1} x {down:.1}"
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
fn no_text_is_over_another_however_much_there_is() {
    let steady = Run::of(&plan()[..1]);
    let mut unweighed = Run::of(&plan());
    for row in &mut unweighed.fish_rows {
        (row.weighed, row.actual, row.error) = (None, None, None);
    }
    unweighed.retrainings.clear();
    let mut named = Run::of(&plan());
    for row in &mut named.fish_rows {
        row.id = format!("line-3/7f1c9e52-{}", row.id);
    }
    let runs = [
        ("the default plan", Run::of(&plan())),
        ("no fish", Run::of(&[])),
        ("one fish", Run::of(&[Stretch::new("salmon", 1, 4.6)])),
        ("no retraining", steady),
        ("no weighing", unweighed),
        ("long ids", named),
        ("ten species", Run::of(&stretches(&SPECIES, 45, 10))),
        (
            "ten species, again and again",
            Run::of(&stretches(&SPECIES, 33, 40)),
        ),
        ("10,000 fish", Run::of(&stretches(&SPECIES[..3], 100, 100))),
    ];
    let mut problems = Vec::new();
    for (name, report) in &runs {
        for figure in Figure::ALL {
            for size in SIZES {
                let found = hard_to_read(report, figure, size);
                problems.extend(
                    found
                        .iter()
                        .map(|one| format!("{name}, {figure:?} {size:?}: {one}")),
                );
            }
        }
    }
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}
