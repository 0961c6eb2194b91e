//! What an HTML page with [figures in it](crate::Figure::inline) needs once.

use crate::draw;
use crate::figure::Theme;

/// The style sheet of the figures. With [`Theme::Auto`] it follows the reader's setting.
pub fn style_sheet(theme: Theme) -> String {
    draw::style_sheet(theme)
}

/// An SVG element without extent, with the patterns that the figures refer to.
pub fn definitions() -> String {
    draw::definitions()
}
