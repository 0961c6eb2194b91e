//! What an HTML page with [figures in it](crate::Figure::inline) needs once.

use crate::draw;
use crate::figure::Theme;

/// The style sheet of the figures. With [`Theme::Auto`] it follows the reader's setting.
pub fn style_sheet(theme: Theme) -> String {
    draw::style_sheet(theme)
}

/// The font that the figures are laid out in, for a page whose reader may not have it: file name, weight
/// and content, as WOFF2. It has figures of one width.
pub const FONTS: [(&str, u16, &[u8]); 2] = [
    (
        "inter-400.woff2",
        400,
        include_bytes!("../assets/Inter-Regular.woff2"),
    ),
    (
        "inter-600.woff2",
        600,
        include_bytes!("../assets/Inter-SemiBold.woff2"),
    ),
];

/// An SVG element without extent, with the patterns that the figures refer to.
pub fn definitions() -> String {
    draw::definitions()
}
