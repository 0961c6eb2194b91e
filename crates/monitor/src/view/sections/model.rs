//! The live model, and the versions to choose from.

use maud::{Markup, html};
use model_store::{ModelView, TrainingOutcome};
use report::percent;

use super::table::Column::{Number, Text};
use super::table::table;
use crate::collect::Example;
use crate::state::State;
use crate::view::words::{count, kg, significant};

/// Maximum number of versions to choose from.
const CHOICE: usize = 20;

pub(super) fn section(state: &State) -> Markup {
    let live = &state.collected.live;
    html! {
        @if let Some(failure) = &live.failure { p.failure { "The live model cannot be read: " (failure) } }
        @if let Some(model) = &live.latest { (details(model)) }
        @if let Some(example) = &state.collected.example.latest { (prediction(example)) }
    }
}

fn details(model: &ModelView) -> Markup {
    let fit = &model.summary;
    html! {
        dl.facts {
            div { dt { "Version" } dd.version { (model.model_version) @if model.pinned { " (pinned)" } } }
            div { dt { "Trained, UTC" } dd { time { (model.model_time) } } }
            div { dt { "Rows" } dd { (count(model.rows)) ": " (model.groups.join(", ")) } }
            div { dt { "Leave-one-out error" } dd { (percent(Some(model.loo_error))) } }
            div { dt { "R²" } dd { (significant(fit.r_squared)) } }
            div { dt { "Residual standard error" } dd { (significant(fit.residual_standard_error)) " kg" } }
        }
        (table(
            "model-scroll",
            "Coefficients",
            &html! { code { (fit.formula) } },
            [Text("Term"), Number("Estimate"), Number("Std. error"), Number("95 % interval")],
            fit.coefficients.iter().map(|one| [
                html! { (one.term) },
                html! { (significant(one.estimate)) },
                html! { (significant(one.std_error)) },
                html! { (significant(one.lower95)) " to " (significant(one.upper95)) },
            ]),
        ))
    }
}

fn prediction(example: &Example) -> Markup {
    html! {
        @if let Some(fish) = &example.fish {
            p {
                "Fish " (fish.fish_id) ", a " (fish.species) " of "
                (fish.length_cm) " by " (fish.height_cm) " cm: predicted "
                strong { (kg(example.weight)) }
                ", 95 % interval " (kg(example.lower95)) " to " (kg(example.upper95)) "."
            }
        }
    }
}

/// The options of the version field.
pub(super) fn versions(state: &State) -> Markup {
    let models = state.collected.models.latest.as_deref();
    let models = models.map_or(&[][..], Vec::as_slice);
    html! {
        // No version is preselected: the newest one may change at any time.
        option value="" { "Choose a version" }
        @for model in models.iter().take(CHOICE) {
            option value=(model.model_version) {
                (model.model_version) ": " (model.groups.join(", "))
                ", " (model.model_time) ", " (decided(model))
            }
        }
    }
}

fn decided(model: &ModelView) -> &'static str {
    let decided = |outcome| model.decisions.iter().any(|one| one.outcome == outcome);
    match () {
        () if model.live && model.pinned => "live, pinned",
        () if model.live => "live",
        () if decided(TrainingOutcome::Activated) => "was live",
        () if decided(TrainingOutcome::Rejected) => "rejected",
        () => "not decided",
    }
}
