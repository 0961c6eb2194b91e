//! The figures, and how large and in which form they are drawn.

use report::Report;

use crate::PlotError;
use crate::draw;
use crate::marks::{Timeline, Weights};
use crate::png;

/// A figure of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Figure {
    /// Relative error by fish, with a band for each species and the threshold
    #[default]
    Errors,
    /// The same with what the model did: trigger, training rows, retraining, recovery
    Model,
    /// Predicted against actual weight by model version
    Weights,
}

/// The form of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Scalable, with a title for each fish under the pointer.
    Svg,
    /// Pixels.
    Png,
}

pub use draw::Theme;

/// Width and height of a picture in pixels, each from 320 to 8192.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    width: u32,
    height: u32,
}

impl Size {
    const MIN: u32 = 320;
    const MAX: u32 = 8192;

    /// A size.
    ///
    /// # Errors
    /// Where a side is too small to be legible or too large for memory.
    pub fn new(width: u32, height: u32) -> Result<Self, PlotError> {
        let sides = Self::MIN..=Self::MAX;
        if sides.contains(&width) && sides.contains(&height) {
            return Ok(Self { width, height });
        }
        Err(PlotError::Size {
            width,
            height,
            min: Self::MIN,
            max: Self::MAX,
        })
    }

    /// Pixels across.
    pub fn width(self) -> u32 {
        self.width
    }

    /// Pixels down.
    pub fn height(self) -> u32 {
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

impl Figure {
    /// All figures.
    pub const ALL: [Self; 3] = [Self::Errors, Self::Model, Self::Weights];

    /// Its name: on the command line and in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Model => "model",
            Self::Weights => "weights",
        }
    }

    /// The figure as an SVG document. The same report gives the same bytes.
    ///
    /// # Errors
    /// Where a number of the report cannot be drawn.
    pub fn svg(self, report: &Report, theme: Theme, size: Size) -> Result<String, PlotError> {
        Ok(draw::write(&self.picture(report, size)?, theme)?)
    }

    /// The figure as an SVG element for an HTML page, which has the [`style_sheet`](crate::page::style_sheet)
    /// and the [`definitions`](crate::page::definitions) once for all figures.
    ///
    /// # Errors
    /// As [`svg`](Self::svg).
    pub fn inline(self, report: &Report, size: Size) -> Result<String, PlotError> {
        Ok(draw::write_inline(&self.picture(report, size)?)?)
    }

    fn picture(self, report: &Report, size: Size) -> Result<draw::Picture, PlotError> {
        Ok(match self {
            Self::Errors => draw::errors(&Timeline::of(report)?, size),
            Self::Model => draw::model(&Timeline::of(report)?, size),
            Self::Weights => draw::weights(&Weights::of(report)?, size),
        })
    }

    /// The figure as a PNG image, drawn from the SVG with the bundled font.
    ///
    /// # Errors
    /// As [`svg`](Self::svg).
    pub fn png(self, report: &Report, theme: Theme, size: Size) -> Result<Vec<u8>, PlotError> {
        let theme = match theme {
            Theme::Auto => Theme::Light,
            chosen => chosen,
        };
        png::from_svg(&self.svg(report, theme, size)?)
    }

    /// The figure as a file's content.
    ///
    /// # Errors
    /// As [`svg`](Self::svg).
    pub fn render(
        self,
        report: &Report,
        format: Format,
        theme: Theme,
        size: Size,
    ) -> Result<Vec<u8>, PlotError> {
        match format {
            Format::Svg => self.svg(report, theme, size).map(String::into_bytes),
            Format::Png => self.png(report, theme, size),
        }
    }
}
