//! From marks to pictures: SVG elements in pixels, written as SVG.
//!
//! | module | what is in it |
//! |---|---|
//! | `errors`, `model`, `weights` | the three figures of a report |
//! | `trade_off` | one number against another |
//! | `record_plot`, `axes`, `lanes` | plots with records along the x axis, and the lanes above them |
//! | `columns` | many records, by columns of pixels |
//! | `canvas` | title, legend and notes, and the area that they leave for plots |
//! | `legend` | the legend, and the marks that it shares with the plots |
//! | `scale`, `text` | values to pixels, ticks and number formats; widths of texts |
//! | `svg`, `theme` | SVG elements, how they are written, and their style sheet |
//!
//! It does not use the crate `plotters`: its SVG has no classes, style sheet or titles, so a picture could
//! not follow the reader's dark theme, show tooltips or describe itself to a screen reader.

mod axes;
mod canvas;
mod columns;
mod errors;
mod lanes;
mod legend;
mod model;
mod record_plot;
mod scale;
pub(crate) mod svg;
pub(crate) mod text;
pub(crate) mod theme;
mod trade_off;
mod weights;
mod words;

pub(crate) use canvas::Picture;
pub(crate) use errors::errors;
pub(crate) use model::model;
pub(crate) use trade_off::trade_off;
pub(crate) use weights::weights;
pub(crate) use words::Words;
