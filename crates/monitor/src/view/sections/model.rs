//! The live model, and the versions to choose from.

use maud::{Markup, html};
use model_store::{ModelView, TrainingOutcome};
use pipeline::Definition;
use pipeline::definition::capitalized;
use report::{error_text, listed, printable};

use super::table::Column::{Number, Text};
use super::table::table;
use crate::collect::{Example, Input};
use crate::state::State;
use crate::view::words::{count, significant, with_unit};

/// Maximum number of versions to choose from.
const CHOICE: usize = 20;
/// Maximum number of inputs shown with a prediction.
const INPUTS: usize = 8;

pub(super) fn section(state: &State) -> Markup {
    let live = &state.collected.live;
    html! {
        @if let Some(failure) = &live.failure { p.failure { "The live model cannot be read: " (failure) } }
        @if let Some(model) = &live.latest { (details(state.report.definition, model)) }
        @if let Some(example) = &state.collected.example.latest { (prediction(state.report.definition, example)) }
    }
}

fn details(definition: &Definition, model: &ModelView) -> Markup {
    let fit = &model.summary;
    let target = definition.target();
    // The residuals of a transformed response, such as its logarithm, have another unit.
    let plain = fit
        .formula
        .trim_start_matches('`')
        .starts_with(&target.name);
    let unit = target.unit.as_deref().filter(|_| plain);
    let groups = trained_on(definition, &model.groups);
    html! {
        dl.facts {
            div { dt { "Version" } dd.version { (model.model_version) @if model.pinned { " (pinned)" } } }
            div { dt { "Trained, UTC" } dd { time { (model.model_time) } } }
            div { dt { "Rows" } dd { (count(model.rows)) @if !groups.is_empty() { ": " (groups) } } }
            div { dt { "Leave-one-out error" } dd { (error_text(definition, Some(model.loo_error))) } }
            div { dt { "R²" } dd { (significant(fit.r_squared)) } }
            div { dt { "Residual standard error" } dd { (significant(fit.residual_standard_error)) @if let Some(unit) = unit { " " (unit) } } }
        }
        (table(
            "model-scroll",
            "Coefficients",
            &html! { code { (fit.formula) } },
            [Text("Term"), Number("Estimate"), Number("Std. error"), Number("95 % interval")],
            fit.coefficients.iter().map(|one| [
                html! { (printable(&one.term)) },
                html! { (significant(one.estimate)) },
                html! { (significant(one.std_error)) },
                html! { (significant(one.lower95)) " to " (significant(one.upper95)) },
            ]),
        ))
    }
}

/// The groups, comma-separated; empty if the pipeline has no group.
fn trained_on(definition: &Definition, groups: &[String]) -> String {
    let Some(_) = definition.group() else {
        return String::new();
    };
    listed(groups)
}

fn prediction(definition: &Definition, example: &Example) -> Markup {
    let unit = definition.target().unit.as_deref();
    let value = |value| with_unit(value, unit);
    html! {
        p {
            (capitalized(&definition.record)) " " (printable(&example.record.key)) (described(example))
            ": predicted " strong { (value(example.value)) }
            ", 95 % interval " (value(example.lower95)) " to " (value(example.upper95)) "."
        }
    }
}

/// The inputs of a prediction: `, a parcel of 40 by 30 cm` if all numbers have one unit, otherwise
/// `, distance 3.2 km, weather rain`.
fn described(example: &Example) -> String {
    let numbers = || example.record.inputs.iter().filter(|one| !one.is_category);
    let values: Vec<_> = numbers().map(|input| input.value.as_str()).collect();
    let mut units = numbers().map(|input| input.unit.as_deref());
    let unit = units.next().flatten();
    let is_size = (2..=3).contains(&values.len()) && units.all(|other| other == unit);
    if let (true, Some(group), Some(unit)) = (is_size, &example.record.group, unit) {
        let an = if group.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) {
            "an"
        } else {
            "a"
        };
        let size = values.join(" by ");
        return format!(", {an} {} of {size} {unit}", printable(group));
    }
    let inputs = example.record.inputs.iter().take(INPUTS).map(|input| {
        let Input {
            column,
            value,
            unit,
            ..
        } = input;
        let unit = unit.as_deref();
        let unit = unit.map_or_else(String::new, |unit| format!(" {unit}"));
        format!(", {} {}{unit}", printable(column), printable(value))
    });
    inputs.collect()
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
                (model.model_version) ": "
                @let groups = trained_on(state.report.definition, &model.groups);
                @if !groups.is_empty() { (groups) ", " }
                 (model.model_time) ", " (decided(model))
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
