//! Every number of lme4's results in `tests/data/mixed`, to 1e-6 relative.

use regression::{ErrorMeasure, FitError, FittedModel, Table, Value, fit};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::support::{self, assert_close};

const TOLERANCE: f64 = 1e-6;
/// lme4 stops its search for theta at about this precision.
const THETA_TOLERANCE: f64 = 1e-5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RResults {
    case: String,
    data: String,
    rows: usize,
    formula: String,
    groups: usize,
    theta: f64,
    residual_std_error: f64,
    group_std_dev: f64,
    reml_criterion: f64,
    df_residual: usize,
    coefficients: Vec<Coefficient>,
    group_effects: Vec<GroupEffect>,
    leave_one_out_mean_relative_error: f64,
    leave_one_out_mean_absolute_error: f64,
    predictions: Vec<Prediction>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Coefficient {
    term: String,
    estimate: f64,
    std_error: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupEffect {
    level: String,
    rows: usize,
    effect: f64,
}

#[derive(Deserialize)]
struct Prediction {
    value: f64,
    lower_95: f64,
    upper_95: f64,
    #[serde(flatten)]
    inputs: Map<String, Json>,
}

fn each_case(check: impl Fn(&FittedModel, &RResults, &Table)) {
    let cases = support::json_files("mixed");
    assert_eq!(cases.len(), 5);
    for case in cases {
        let r: RResults = support::json(&format!("mixed/{case}.json"));
        assert_eq!(r.case, case);
        let own_rows = support::data_file(&format!("mixed/{}", r.data)).exists();
        let folder = if own_rows { "mixed/" } else { "" };
        let table = support::table(&format!("{folder}{}", r.data));
        assert_eq!(table.rows(), r.rows);
        let model = fit(&r.formula.parse().expect(&case), &table).expect(&case);
        check(&model, &r, &table);
    }
}

/// As [`assert_close`], but a value of zero must be zero.
#[track_caller]
fn close(actual: f64, expected: f64, tolerance: f64, what: &str) {
    if expected == 0.0 {
        assert_eq!(actual, 0.0, "{what}");
    } else {
        assert_close(actual, expected, tolerance, what);
    }
}

#[test]
fn variances_and_effects_agree_with_lme4() {
    each_case(|model, r, _| {
        let summary = model.summary();
        let random = summary.random_intercepts.as_ref().unwrap();
        let case = |what: &str| format!("{} {what}", r.case);
        assert_eq!(summary.formula.to_string(), r.formula);
        assert_eq!(summary.residual_degrees_of_freedom, r.df_residual);
        assert_eq!(random.effects.len(), r.groups);
        close(random.theta, r.theta, THETA_TOLERANCE, &case("theta"));
        for (actual, expected, what) in [
            (random.standard_deviation, r.group_std_dev, "groups"),
            (
                summary.residual_standard_error,
                r.residual_std_error,
                "residual",
            ),
            (random.reml_criterion, r.reml_criterion, "criterion"),
        ] {
            close(actual, expected, TOLERANCE, &case(what));
        }
        assert_eq!(summary.coefficients.len(), r.coefficients.len());
        for (actual, expected) in summary.coefficients.iter().zip(&r.coefficients) {
            let what = case(&expected.term);
            assert_eq!(actual.term, expected.term);
            close(actual.estimate, expected.estimate, TOLERANCE, &what);
            close(actual.std_error, expected.std_error, TOLERANCE, &what);
        }
        for (actual, expected) in random.effects.iter().zip(&r.group_effects) {
            let what = case(&expected.level);
            assert_eq!(
                (&actual.level, actual.rows),
                (&expected.level, expected.rows)
            );
            close(actual.effect, expected.effect, TOLERANCE, &what);
        }
    });
}

#[test]
fn mixed_predictions_agree_with_lme4() {
    each_case(|model, r, _| {
        let mut unseen = 0;
        for row in &r.predictions {
            let inputs: Vec<(&str, Value<'_>)> = row
                .inputs
                .iter()
                .map(|(name, value)| match value {
                    Json::String(text) => (name.as_str(), Value::Text(text)),
                    number => (name.as_str(), Value::Number(number.as_f64().unwrap())),
                })
                .collect();
            let prediction = model.predict_named(&inputs).unwrap();
            let what = format!("{} {:?}", r.case, row.inputs);
            assert_close(prediction.value, row.value, TOLERANCE, &what);
            assert_close(prediction.lower, row.lower_95, TOLERANCE, &what);
            assert_close(prediction.upper, row.upper_95, TOLERANCE, &what);
            let is_new = row.inputs["species"] == "never-seen";
            assert_eq!(!prediction.unseen.is_empty(), is_new, "{what}");
            unseen += usize::from(is_new);
        }
        assert_eq!(unseen, 1);
    });
}

#[test]
fn mixed_leave_one_out_errors_agree_with_lme4() {
    each_case(|model, r, _| {
        for (measure, expected) in [
            (ErrorMeasure::Relative, r.leave_one_out_mean_relative_error),
            (ErrorMeasure::Absolute, r.leave_one_out_mean_absolute_error),
        ] {
            let error = model.leave_one_out_error(measure).unwrap();
            assert_close(error, expected, TOLERANCE, &r.case);
        }
    });
}

#[test]
fn stored_mixed_models_predict_the_same() {
    each_case(|model, r, table| {
        let read: FittedModel =
            serde_json::from_str(&serde_json::to_string(model).unwrap()).unwrap();
        assert_eq!(&read, model, "{}", r.case);
        assert_eq!(
            read.predict_table(table).unwrap(),
            model.predict_table(table).unwrap()
        );
    });
}

/// Rows of `groups` groups in turn, whose effects differ.
fn grouped(rows: usize, groups: usize) -> Table {
    let wave = |row: usize, step: f64| (row as f64 * step).sin();
    let effect = |group: usize| wave(group, 2.3);
    Table::new()
        .with_numeric("x", (0..rows).map(|row| wave(row, 1.3)))
        .unwrap()
        .with_text(
            "shop",
            (0..rows).map(|row| format!("shop {}", row % groups)),
        )
        .unwrap()
        .with_numeric(
            "y",
            (0..rows).map(|row| {
                10.0 + 2.0 * wave(row, 1.3) + effect(row % groups) + 0.1 * wave(row, 7.7)
            }),
        )
        .unwrap()
}

#[test]
fn a_group_with_one_level_has_no_random_intercept() {
    let rows = grouped(20, 1);
    let model = fit(&"y ~ x + (1 | shop)".parse().unwrap(), &rows).unwrap();
    assert_eq!(model.fitted_formula().to_string(), "y ~ x");
    assert_eq!(model.summary().random_intercepts, None);
    let plain = fit(&"y ~ x".parse().unwrap(), &rows).unwrap();
    let new = model.predict(&[0.5], &["shop 9"]).unwrap();
    assert_eq!(new.value, plain.predict(&[0.5], &[]).unwrap().value);
    assert!(new.unseen.contains(0));
}

#[test]
fn groups_that_cannot_be_estimated_are_rejected() {
    let formula = "y ~ x + (1 | shop)".parse().unwrap();
    assert_eq!(
        fit(&formula, &grouped(12, 12)),
        Err(FitError::GroupPerRow {
            column: "shop".into()
        })
    );
    let formula = "y ~ (1 | x)".parse().unwrap();
    assert_eq!(
        fit(&formula, &grouped(12, 3)),
        Err(FitError::NumericGroup { column: "x".into() })
    );
}

#[test]
fn random_intercepts_and_unseen_factors_combine() {
    let waters = (0..60).map(|row| if row % 7 < 3 { "lake" } else { "river" });
    let rows = grouped(60, 6).with_text("water", waters).unwrap();
    let model = fit(&"log(y) ~ x + water + (1 | shop)".parse().unwrap(), &rows).unwrap();
    let without = fit(&"log(y) ~ x + (1 | shop)".parse().unwrap(), &rows).unwrap();
    assert_eq!(
        model.pooled_summary().formula.to_string(),
        "log(y) ~ x + (1 | shop)"
    );
    for (shop, unseen) in [("shop 2", vec![0]), ("shop 9", vec![0, 1])] {
        let prediction = model.predict(&[0.5], &["sea", shop]).unwrap();
        assert_eq!(prediction.unseen.iter().collect::<Vec<_>>(), unseen);
        let expected = without.predict(&[0.5], &[shop]).unwrap();
        assert_eq!(
            [prediction.value, prediction.lower, prediction.upper],
            [expected.value, expected.lower, expected.upper]
        );
    }
}

#[test]
fn a_mixed_fit_does_not_depend_on_the_order_of_rows() {
    let rows = grouped(60, 9);
    let reversed: Vec<usize> = (0..60).rev().collect();
    let formula = "y ~ x + (1 | shop)".parse().unwrap();
    let model = fit(&formula, &rows).unwrap();
    let other = fit(&formula, &support::select(&rows, &reversed)).unwrap();
    for (a, b) in model
        .predict_table(&rows)
        .unwrap()
        .iter()
        .zip(other.predict_table(&rows).unwrap())
    {
        assert_close(a.value, b.value, 1e-9, "value");
        assert_close(a.lower, b.lower, 1e-9, "lower");
    }
}

#[test]
fn exact_groups_are_fitted_exactly() {
    let level = |row: usize| (row % 3) as f64;
    let rows = Table::new()
        .with_text("g", (0..12).map(|row| format!("g{}", row % 3)))
        .unwrap()
        .with_numeric("y", (0..12).map(level))
        .unwrap();
    let model = fit(&"y ~ (1 | g)".parse().unwrap(), &rows).unwrap();
    for group in 0..3 {
        let name = format!("g{group}");
        let value = model.predict(&[], &[&name]).unwrap().value;
        assert!((value - f64::from(group)).abs() < 1e-6, "{name}: {value}");
    }
}

#[test]
fn the_text_of_a_mixed_fit_names_its_variances() {
    let r: RResults = support::json("mixed/three-species.json");
    let rows = support::table(&r.data);
    let model = fit(&r.formula.parse().unwrap(), &rows).unwrap();
    let text = model.summary().to_string();
    for part in [
        "lmer(formula = weight ~ length + height + (1 | species), data = rows)",
        "3 levels of species",
        "Std. deviation: 1.024 between levels, 0.1169 within; ratio (theta) 8.763",
        "REML criterion: -38.07",
        "Fixed effects:",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("R-squared"), "{text}");
}
