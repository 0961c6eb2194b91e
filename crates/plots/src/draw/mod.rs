//! How marks become a picture: from marks to elements with pixels, and from elements to SVG.
//!
//! plotters was the other choice. Its SVG has neither classes nor a style sheet nor titles, so
//! that a picture could not follow the reader's dark theme, name a fish under the pointer or
//! describe itself to a screen reader; and lanes of spans are not among its charts.
//!
//! | module | what is in it |
//! |---|---|
//! | `errors`, `model`, `weights` | the three figures |
//! | `steps`, `words` | the steps from a trigger to recovery, as marks and in words |
//! | `lanes` | spans above a plot: species, models, windows, training rows, recoveries |
//! | `fish_axis` | which fish the axis names |
//! | `events`, `error_range`, `points` | what the two figures over the events share |
//! | `page` | title, legend, notes, and what is left for the plot |
//! | `legend`, `symbol` | the key, and one shape for each species |
//! | `scale` | from values to pixels, ticks at round values, number formats |
//! | `font` | widths of texts in the bundled font |
//! | `element`, `svg`, `theme` | SVG elements, their XML, and the style sheet |

mod element;
mod error_range;
mod errors;
mod events;
mod fish_axis;
mod font;
mod lanes;
mod legend;
mod model;
mod page;
mod points;
mod scale;
mod steps;
mod svg;
mod symbol;
mod theme;
mod weights;
mod words;

pub(crate) use errors::errors;
pub(crate) use font::FONTS;
pub(crate) use model::model;
pub(crate) use page::Picture;
pub(crate) use svg::{definitions, write, write_inline};
pub use theme::Theme;
pub(crate) use theme::style_sheet;
pub(crate) use weights::weights;
