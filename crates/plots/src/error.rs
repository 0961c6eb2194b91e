//! What can go wrong.

use std::path::PathBuf;

/// Why a figure could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// A number in the report that cannot be drawn.
    #[error("the report's {field} is {value}: {wanted}")]
    Value {
        /// Path of the field, such as `fish_rows[3].error`.
        field: String,
        /// What it is.
        value: f64,
        /// What it should be.
        wanted: &'static str,
    },
    /// A picture too small to be legible or too large for memory.
    #[error("a picture of {width} x {height} pixels: each side must be between {min} and {max}")]
    Size {
        /// Width asked for, in pixels.
        width: u32,
        /// Height asked for, in pixels.
        height: u32,
        /// Smallest side, in pixels.
        min: u32,
        /// Largest side, in pixels.
        max: u32,
    },
    /// The SVG could not be written as XML.
    #[error("writing the SVG")]
    Xml(#[from] std::io::Error),
    /// The SVG could not be turned into pixels.
    #[error("turning the SVG into pixels: {0}")]
    Raster(String),
    /// A file could not be written.
    #[error("writing {}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
