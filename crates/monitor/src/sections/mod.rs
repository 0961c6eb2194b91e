//! The state as HTML, section by section.
//!
//! | module | sections |
//! |---|---|
//! | `summary` | where the pipeline stands, and the main figures |
//! | `charts` | the two charts over the newest fish |
//! | `model` | the live model, and the versions to choose from |
//! | `flow` | the steps with rates and lags, and what is missing |
//! | `retrainings` | triggers, their causes and outcomes |
//! | `letters` | dead letters |
//! | `parts` | each part's health |
//! | `table` | a table that can be read on a narrow page too |
//! | `words` | numbers and times as text |

mod charts;
mod flow;
mod letters;
mod model;
mod parts;
mod retrainings;
mod summary;
mod table;
pub(crate) mod words;

use maud::Markup;

use crate::state::State;
use charts::Charts;

/// A section's name and how it is rendered.
type Renderer = (&'static str, fn(&State) -> Markup);

/// The sections besides the charts, in the page's order.
const PLAIN: [Renderer; 9] = [
    ("asof", summary::asof),
    ("standing", summary::standing),
    ("figures", summary::figures),
    ("retrainings", retrainings::section),
    ("model", model::section),
    ("versions", model::versions),
    ("flow", flow::section),
    ("letters", letters::section),
    ("parts", parts::section),
];

/// Renders sections; keeps the charts of a state that has not changed.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    charts: Charts,
}

impl Sections {
    /// All sections of a state, each with its name.
    pub(crate) fn render(&mut self, state: &State) -> Vec<(&'static str, String)> {
        let plain = PLAIN
            .iter()
            .map(|(name, render)| (*name, render(state).into_string()));
        let mut all: Vec<_> = plain.collect();
        all.extend(self.charts.of(&state.charted));
        all
    }
}
