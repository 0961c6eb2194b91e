//! Renders SVG as PNG, using only the bundled font so that every machine gives the same pixels.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::PlotError;

pub(crate) const FONTS: [&[u8]; 2] = [
    include_bytes!("../assets/Inter-Regular.otf"),
    include_bytes!("../assets/Inter-SemiBold.otf"),
];

pub(crate) fn options() -> Options<'static> {
    let mut fonts = fontdb::Database::new();
    for font in FONTS {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family("Inter");
    Options {
        font_family: "Inter".to_owned(),
        fontdb: Arc::new(fonts),
        ..Options::default()
    }
}

/// The SVG as a PNG image of its own size.
pub(crate) fn from_svg(svg: &str) -> Result<Vec<u8>, PlotError> {
    let tree = Tree::from_str(svg, &options()).map_err(|error| raster(&error))?;
    let size = tree.size().to_int_size();
    let mut pixels = Pixmap::new(size.width(), size.height())
        .ok_or_else(|| PlotError::Raster("not enough memory for the pixels".into()))?;
    resvg::render(&tree, Transform::default(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| raster(&error))
}

fn raster(error: &dyn std::error::Error) -> PlotError {
    PlotError::Raster(error.to_string())
}
