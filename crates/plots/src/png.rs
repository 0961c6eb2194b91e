//! From SVG to pixels, with the bundled font alone: the same on every machine.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::PlotError;
use crate::draw::FONTS;

/// The SVG as a PNG image of its own size.
pub(crate) fn from_svg(svg: &str) -> Result<Vec<u8>, PlotError> {
    let mut fonts = fontdb::Database::new();
    for font in FONTS {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family("Inter");
    let options = Options {
        font_family: "Inter".to_owned(),
        fontdb: Arc::new(fonts),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| raster(&error))?;
    let size = tree.size().to_int_size();
    let mut pixels = Pixmap::new(size.width(), size.height())
        .ok_or_else(|| PlotError::Raster("no memory for the pixels".into()))?;
    resvg::render(&tree, Transform::default(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| raster(&error))
}

fn raster(error: &dyn std::error::Error) -> PlotError {
    PlotError::Raster(error.to_string())
}
