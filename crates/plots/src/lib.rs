//! Draws a report: error by species, the model's behaviour, predicted against actual weight.
//!
//! From a [`report::Report`] to [`marks`] (what there is to draw, as values and as JSON), from
//! marks to SVG, and from SVG to PNG with a bundled font. The same report gives the same bytes.
//!
//! | module | what is in it |
//! |---|---|
//! | [`marks`] | points, bands, windows, brackets: without pixels |
//! | `draw` | from marks to SVG |
//! | `png` | from SVG to pixels |
//! | [`figure`] | the figures, their form, theme and size |
//! | [`page`] | what an HTML page with figures in it needs once |
//! | [`files`] | figures as files |
//! | [`cli`] | the subcommand `plot` |

pub mod cli;
mod draw;
mod error;
pub mod figure;
pub mod files;
pub mod marks;
pub mod page;
mod png;

pub use cli::{PlotArgs, run};
pub use error::PlotError;
pub use figure::{Figure, Format, Size, Theme};
pub use files::write_all;
