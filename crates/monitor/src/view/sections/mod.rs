//! The sections of the page.
//!
//! | module | sections |
//! |---|---|
//! | `summary` | the headline and the main figures |
//! | `charts` | the two charts of the newest records |
//! | `model` | the live model, and the versions to choose from |
//! | `flow` | the steps of the pipeline, consumer lag, missing records |
//! | `retrainings` | triggers with their causes and outcomes |
//! | `dead_letters` | dead letters |
//! | `parts` | the health of each part |
//! | `table` | tables, also for narrow pages |

mod charts;
mod dead_letters;
mod flow;
mod model;
mod parts;
mod retrainings;
mod summary;
mod table;

use maud::Markup;

use crate::state::State;
use charts::Charts;

type Renderer = (&'static str, fn(&State) -> Markup);

/// The sections except the charts.
const PLAIN: [Renderer; 9] = [
    ("asof", summary::asof),
    ("status", summary::status),
    ("figures", summary::figures),
    ("retrainings", retrainings::section),
    ("model", model::section),
    ("versions", model::versions),
    ("flow", flow::section),
    ("dead-letters", dead_letters::section),
    ("parts", parts::section),
];

/// Renders the sections. Charts are drawn again only if their report has changed.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    charts: Charts,
}

impl Sections {
    /// All sections with their names.
    pub(crate) fn render(&mut self, state: &State) -> Vec<(&'static str, String)> {
        let plain = PLAIN
            .iter()
            .map(|(name, render)| (*name, render(state).into_string()));
        let mut all: Vec<_> = plain.collect();
        all.extend(self.charts.render(&state.charted));
        all
    }
}
