//! The figures, their sizes, and how they are written.

use std::fs;
use std::path::{Path, PathBuf};

use report::Report;

use crate::draw::svg::{document, inline};
use crate::draw::theme::Theme;
use crate::draw::{self, Picture};
use crate::marks::{Timeline, Weights};

/// A figure of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Figure {
    /// The error of each record, with a band for each group and the threshold
    #[default]
    Errors,
    /// The same, with triggers, training rows, retrainings and recoveries
    Model,
    /// Predicted against actual value, by model version
    Weights,
}

impl Figure {
    pub(crate) const ALL: [Self; 3] = [Self::Errors, Self::Model, Self::Weights];

    fn name(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Model => "model",
            Self::Weights => "weights",
        }
    }

    /// The figure as an SVG document. The same report always gives the same bytes.
    ///
    /// # Errors
    /// [`PlotError::Value`] if a number of the report cannot be drawn.
    pub fn svg(self, report: &Report, theme: Theme, size: Size) -> Result<String, PlotError> {
        Ok(document(&self.picture(report, size)?, theme))
    }

    /// The figure as an SVG element of an HTML page. The page needs the
    /// [`style_sheet`](crate::style_sheet) and, once, the [`definitions`](crate::definitions).
    ///
    /// # Errors
    /// As [`svg`](Self::svg).
    pub fn inline(self, report: &Report, size: Size) -> Result<String, PlotError> {
        Ok(inline(&self.picture(report, size)?))
    }

    /// The figure as a PNG image in the bundled font. [`Theme::Auto`] is light.
    ///
    /// # Errors
    /// As [`svg`](Self::svg), or [`PlotError::Raster`].
    #[cfg(feature = "png")]
    pub fn png(self, report: &Report, theme: Theme, size: Size) -> Result<Vec<u8>, PlotError> {
        let theme = match theme {
            Theme::Auto => Theme::Light,
            chosen => chosen,
        };
        crate::png::from_svg(&self.svg(report, theme, size)?)
    }

    fn picture(self, report: &Report, size: Size) -> Result<Picture, PlotError> {
        Ok(match self {
            Self::Errors => draw::errors(&Timeline::of(report)?, size),
            Self::Model => draw::model(&Timeline::of(report)?, size),
            Self::Weights => draw::weights(&Weights::of(report)?, size),
        })
    }
}

/// Width and height in pixels, each from 320 to 8192.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    width: u32,
    height: u32,
}

impl Size {
    const MIN: u32 = 320;
    const MAX: u32 = 8192;

    /// # Errors
    /// [`PlotError::Size`] if a side is too small to be legible or needs too much memory.
    pub fn new(width: u32, height: u32) -> Result<Self, PlotError> {
        let sides = Self::MIN..=Self::MAX;
        if sides.contains(&width) && sides.contains(&height) {
            return Ok(Self { width, height });
        }
        Err(PlotError::Size { width, height })
    }

    pub(crate) fn width(self) -> u32 {
        self.width
    }

    pub(crate) fn height(self) -> u32 {
        self.height
    }
}

impl Default for Size {
    /// 960 by 560 pixels.
    fn default() -> Self {
        Self {
            width: 960,
            height: 560,
        }
    }
}

/// Why a figure could not be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// A number in the report that cannot be drawn.
    #[error("the report's {field} is {value}: expected {expected}")]
    Value {
        /// Path of the field, such as `record_rows[3].error`.
        field: String,
        /// The number.
        value: f64,
        /// What the number must be.
        expected: &'static str,
    },
    /// A size that [`Size::new`] does not accept.
    #[error(
        "the picture's size is {width} x {height} pixels: expected each side between {min} and {max}",
        min = Size::MIN,
        max = Size::MAX
    )]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The SVG could not be rendered as pixels.
    #[cfg(feature = "png")]
    #[error("cannot render the SVG as PNG: {0}")]
    Raster(String),
    /// A file or directory could not be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

/// Writes all figures of a report into a directory, which is created if necessary: `errors.svg`,
/// `model.svg`, `weights.svg`, and the same as PNG if the feature `png` is on. The SVGs follow the
/// reader's theme. Returns the paths of the files.
///
/// # Errors
/// If a figure cannot be drawn, or the directory or a file cannot be written.
pub fn write_all(report: &Report, dir: &Path) -> Result<Vec<PathBuf>, PlotError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| PlotError::File { path, source }
    };
    fs::create_dir_all(dir).map_err(failed(dir))?;
    let mut written = Vec::new();
    let mut write = |name: &str, extension: &str, bytes: &[u8]| {
        let path = dir.join(format!("{name}.{extension}"));
        fs::write(&path, bytes).map_err(failed(&path))?;
        written.push(path);
        Ok(())
    };
    for figure in Figure::ALL {
        let svg = figure.svg(report, Theme::Auto, Size::default())?;
        write(figure.name(), "svg", svg.as_bytes())?;
        #[cfg(feature = "png")]
        write(
            figure.name(),
            "png",
            &figure.png(report, Theme::Auto, Size::default())?,
        )?;
    }
    Ok(written)
}
