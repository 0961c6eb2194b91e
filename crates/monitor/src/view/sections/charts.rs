//! The two charts of the newest records.

use maud::{Markup, PreEscaped, html};
use pipeline::definition::capitalized;
use plots::{Figure, PlotError, Size};
use report::{Report, error_text, printable};

use super::table::Column::{Number, Text};
use super::table::table;

const CHARTS: [(&str, Figure); 2] = [("behaviour", Figure::Model), ("errors", Figure::Errors)];
/// Maximum number of rows of the table.
const SHOWN: usize = 100;
/// Each chart is drawn for wide, medium and narrow pages, so that its texts keep their size. The style
/// sheet shows one of them. Width and height in pixels.
const FORMS: [(&str, u32, u32); 3] = [
    ("wide", 1_168, 500),
    ("medium", 800, 460),
    ("narrow", 360, 480),
];

/// Keeps the charts of the last report.
#[derive(Debug, Default)]
pub(super) struct Charts {
    drawn: Option<(Report, Vec<(&'static str, String)>)>,
}

impl Charts {
    pub(super) fn render(&mut self, report: &Report) -> Vec<(&'static str, String)> {
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

/// The numbers of the chart as a table.
fn phases(name: &str, report: &Report) -> Markup {
    let definition = report.definition;
    let group = definition.group().map(|group| group.name.as_str());
    let (label, caption) = match group {
        Some(group) if report.groups_alternate() => (
            format!("Error by {group}, as a table"),
            format!("By {group}"),
        ),
        Some(group) => (
            format!("Error by {group}, as a table"),
            format!("Runs of one {group}, oldest first"),
        ),
        None => ("Error, as a table".to_owned(), "All".to_owned()),
    };
    let (phases, others) = report.listed_phases();
    let listed = phases.iter().take(SHOWN).map(|phase| {
        [
            html! { (printable(phase.group.as_deref().unwrap_or("all"))) },
            html! { (printable(&phase.first_record)) " to " (printable(&phase.last_record)) },
            html! { (phase.records) },
            html! { (error_text(definition, phase.mean_error)) },
            html! { (phase.model_versions.join(", ")) },
        ]
    });
    let others = others.map(|other| {
        [
            html! { (report::others(other.groups)) },
            html! {},
            html! { (other.records) },
            html! { (error_text(definition, other.mean_error)) },
            html! {},
        ]
    });
    let group = capitalized(group.unwrap_or("group"));
    let records = capitalized(&definition.records);
    html! {
        details id={ (name) "-numbers" } {
            summary id={ (name) "-numbers-summary" } { "Show as a table" }
            (table(
                &format!("{name}-scroll"),
                &label,
                &html! { (caption) },
                [Text(&group), Text(&records), Number("Number"), Number("Mean error"), Text("Models")],
                listed.chain(others),
            ))
        }
    }
}
