//! Draws a report: error by group, the model's behaviour, predicted against actual value.
//!
//! Its only I/O is reading a report file and writing pictures. It does not depend on Kafka or HTTP. All
//! numbers come from `report`.
//!
//! ```
//! use std::time::Duration;
//!
//! use pipeline::Definition;
//! use plots::{Figure, Size, Theme};
//! use report::{Ledger, Sources};
//!
//! let ledger = Ledger::new(Definition::shipped());
//! let report = report::build(&Sources::of(&ledger, 0.15, Duration::from_secs(60)));
//! let svg = Figure::Errors.svg(&report, Theme::Auto, Size::default())?;
//! assert!(svg.contains("was measured."));
//! # Ok::<(), plots::PlotError>(())
//! ```
//!
//! | module | what is in it |
//! |---|---|
//! | `marks` | from a report to marks without pixel coordinates |
//! | `draw` | from marks to SVG |
//! | `png` | from SVG to PNG; behind the feature `png`, which takes a minute to build |
//! | `figure` | the figures, their sizes, files and errors |
//! | `trade_off` | a figure of other numbers: one against another |
//! | `cli` | the subcommand `plot` |

mod cli;
mod draw;
mod figure;
mod marks;
#[cfg(feature = "png")]
mod png;
#[cfg(test)]
mod tests;
mod trade_off;

pub use cli::{PlotArgs, run};
pub use draw::svg::definitions;
pub use draw::theme::{Theme, style_sheet};
pub use figure::{Figure, PlotError, Size, write_all};
pub use trade_off::{TradeOff, TradeOffPoint};

/// The font that the figures are laid out in, for an HTML page: file name, weight and WOFF2 content.
/// All digits have the same width.
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
