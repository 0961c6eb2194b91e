//! The two charts over the newest fish, each for a wide and for a narrow page.

use maud::{Markup, PreEscaped, html};
use plots::{Figure, Size};
use report::{Report, percent};

/// The charts: the section's name, and the figure.
const CHARTS: [(&str, Figure); 2] = [("behaviour", Figure::Model), ("errors", Figure::Errors)];
/// Pixels of the charts on a wide and on a narrow page.
const WIDE: (u32, u32) = (1_120, 520);
const NARROW: (u32, u32) = (380, 500);

/// The last charts, and the report that they show.
#[derive(Debug, Default)]
pub(super) struct Charts {
    drawn: Option<(Report, Vec<(&'static str, String)>)>,
}

impl Charts {
    /// The charts of a report.
    pub(super) fn of(&mut self, report: &Report) -> Vec<(&'static str, String)> {
        if let Some((of, drawn)) = &self.drawn
            && of == report
        {
            return drawn.clone();
        }
        let drawn: Vec<_> = CHARTS
            .iter()
            .map(|(name, figure)| (*name, section(name, *figure, report).into_string()))
            .collect();
        self.drawn = Some((report.clone(), drawn.clone()));
        drawn
    }
}

fn section(name: &str, figure: Figure, report: &Report) -> Markup {
    let picture = |(width, height)| {
        let size = Size::new(width, height);
        size.and_then(|size| figure.inline(report, size))
    };
    html! {
        @match (picture(WIDE), picture(NARROW)) {
            (Ok(wide), Ok(narrow)) => {
                div.wide { (PreEscaped(wide)) }
                div.narrow { (PreEscaped(narrow)) }
            }
            (Err(error), _) | (_, Err(error)) => {
                p.failure { "The chart cannot be drawn: " (error) }
            }
        }
        @if figure == Figure::Errors { (phases(name, report)) }
    }
}

/// The chart's numbers as a table.
fn phases(name: &str, report: &Report) -> Markup {
    html! {
        details id={ (name) "-numbers" } {
            summary id={ (name) "-numbers-summary" } { "The chart as a table" }
            div.scroll id={ (name) "-scroll" } tabindex="0" role="region" aria-label="Error by species, as a table" {
                table {
                    caption { "Stretches of one species, oldest first" }
                    thead { tr {
                        th scope="col" { "Species" }
                        th scope="col" { "Fish" }
                        th.number scope="col" { "Number" }
                        th.number scope="col" { "Mean error" }
                        th scope="col" { "Models that answered" }
                    } }
                    tbody {
                        @for phase in &report.phases {
                            tr {
                                th scope="row" { (phase.species) }
                                td { (phase.first_fish) " to " (phase.last_fish) }
                                td.number { (phase.fish) }
                                td.number { (percent(phase.mean_error)) }
                                td { (phase.model_versions.join(", ")) }
                            }
                        }
                    }
                }
            }
        }
    }
}
