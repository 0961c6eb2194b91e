//! One shape for each species, so that species are told apart without colour.

use super::element::px;

/// How many colours there are; see the style sheet.
pub(crate) const COLOURS: usize = 6;
/// How many shapes there are. One more than colours: 42 species differ in one or the other.
const SHAPES: usize = 7;

/// The class of a species' colour.
pub(crate) fn colour(species: usize) -> String {
    format!("s{}", species % COLOURS)
}

/// The path of a species' shape around a point; all shapes cover about the same area.
pub(crate) fn symbol(species: usize, (x, y): (f64, f64), radius: f64) -> String {
    let r = radius;
    let polygon = |corners: &[(f64, f64)]| {
        let corners = corners
            .iter()
            .map(|(dx, dy)| format!("{} {}", px(x + dx * r), px(y + dy * r)));
        format!("M{}Z", corners.collect::<Vec<_>>().join("L"))
    };
    match species % SHAPES {
        0 => circle((x, y), r),
        1 => polygon(&[(0.0, -1.3), (1.2, 0.85), (-1.2, 0.85)]),
        2 => polygon(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        3 => polygon(&[(0.0, -1.35), (1.1, 0.0), (0.0, 1.35), (-1.1, 0.0)]),
        4 => polygon(&[(0.0, 1.3), (1.2, -0.85), (-1.2, -0.85)]),
        5 => plus((x, y), r, 0.0),
        _ => plus((x, y), r, std::f64::consts::FRAC_PI_4),
    }
}

fn circle((x, y): (f64, f64), r: f64) -> String {
    let (radius, across) = (px(r), px(2.0 * r));
    format!(
        "M{} {}a{radius} {radius} 0 1 0 {across} 0a{radius} {radius} 0 1 0 -{across} 0Z",
        px(x - r),
        px(y)
    )
}

/// A plus with arms as wide as they need to be for a fill, turned by an angle.
fn plus((x, y): (f64, f64), r: f64, turn: f64) -> String {
    const OUT: f64 = 1.3;
    const IN: f64 = 0.42;
    let corners = [
        (-IN, -OUT),
        (IN, -OUT),
        (IN, -IN),
        (OUT, -IN),
        (OUT, IN),
        (IN, IN),
        (IN, OUT),
        (-IN, OUT),
        (-IN, IN),
        (-OUT, IN),
        (-OUT, -IN),
        (-IN, -IN),
    ];
    let (sin, cos) = turn.sin_cos();
    let corners = corners.map(|(dx, dy)| {
        format!(
            "{} {}",
            px(x + (dx * cos - dy * sin) * r),
            px(y + (dx * sin + dy * cos) * r)
        )
    });
    format!("M{}Z", corners.join("L"))
}
