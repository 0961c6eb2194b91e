//! What the pixels show.

use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};

use super::sample::{Run, plan};
use crate::{Figure, Size, Theme};

fn size() -> Size {
    Size::new(480, 480).unwrap()
}

fn pixels(figure: Figure, theme: Theme) -> Pixmap {
    let png = figure.png(&Run::of(&plan()), theme, size()).unwrap();
    Pixmap::decode_png(&png).unwrap()
}

/// How many pixels have a colour, within the tolerance of blending.
fn count(pixels: &Pixmap, colour: [u8; 3]) -> usize {
    let near = |one: u8, other: u8| one.abs_diff(other) <= 6;
    let same = |pixel: &&PremultipliedColorU8| {
        let [red, green, blue] = colour;
        near(pixel.red(), red) && near(pixel.green(), green) && near(pixel.blue(), blue)
    };
    pixels.pixels().iter().filter(same).count()
}

#[test]
fn a_picture_has_its_size_colours_and_title() {
    let picture = pixels(Figure::Errors, Theme::Auto);
    assert_eq!((picture.width(), picture.height()), (480, 480));
    assert!(count(&picture, [0x00, 0x72, 0xb2]) > 400, "salmon's blue");
    let orange = count(&picture, [0xe6, 0x9f, 0x00]);
    assert!(orange > 40, "walleye's orange: {orange}");
    // Only the title is in the uppermost 30 pixels.
    let title = picture.pixels().iter().take(480 * 30);
    assert!(
        title.filter(|pixel| pixel.red() < 100).count() > 400,
        "the title is drawn"
    );
}

#[test]
fn a_dark_picture_is_light_on_dark() {
    for figure in [Figure::Errors, Figure::Weights] {
        let (light, dark) = (pixels(figure, Theme::Light), pixels(figure, Theme::Dark));
        assert!(
            count(&light, [0xff, 0xff, 0xff]) > 480 * 480 / 8,
            "{figure:?}"
        );
        assert!(
            count(&dark, [0x0d, 0x11, 0x17]) > 480 * 480 / 8,
            "{figure:?}"
        );
        assert_eq!(count(&dark, [0xff, 0xff, 0xff]), 0, "{figure:?}");
    }
}
