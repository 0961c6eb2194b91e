//! The two charts over the newest fish, each for wide, medium and narrow pages.

use maud::{Markup, PreEscaped, html};
use plots::{Figure, PlotError, Size};
use report::{Report, percent};

use super::table::Column::{Number, Text};
use super::table::table;

/// The charts: the section's name, and the figure.
const CHARTS: [(&str, Figure); 2] = [("behaviour", Figure::Model), ("errors", Figure::Errors)];
/// The forms of a chart, each for pages about as wide as it, so that its texts keep their size: the
/// style sheet shows one of them. Pixels across and down.
const FORMS: [(&str, u32, u32); 3] = [
    ("wide", 1_168, 500),
    ("medium", 800, 460),
    ("narrow", 360, 480),
];

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
    let picture = |(form, width, height)| {
        let size = Size::new(width, height);
        let picture = size.and_then(|size| figure.inline(report, size))?;
        Ok(html! { div class=(form) { (PreEscaped(picture)) } })
    };
    let pictures: Result<Vec<Markup>, PlotError> = FORMS.into_iter().map(picture).collect();
    html! {
        @match pictures {
            Ok(pictures) => @for picture in pictures { (picture) },
            Err(error) => p.failure { "The chart cannot be drawn: " (error) },
        }
        @if figure == Figure::Errors { (phases(name, report)) }
    }
}

/// The chart's numbers as a table.
fn phases(name: &str, report: &Report) -> Markup {
    html! {
        details id={ (name) "-numbers" } {
            summary id={ (name) "-numbers-summary" } { "The chart as a table" }
            (table(
                &format!("{name}-scroll"),
                "Error by species, as a table",
                &html! { "Stretches of one species, oldest first" },
                [Text("Species"), Text("Fish"), Number("Number"), Number("Mean error"), Text("Models that answered")],
                report.phases.iter().map(|phase| [
                    html! { (phase.species) },
                    html! { (phase.first_fish) " to " (phase.last_fish) },
                    html! { (phase.fish) },
                    html! { (percent(phase.mean_error)) },
                    html! { (phase.model_versions.join(", ")) },
                ]),
            ))
        }
    }
}
