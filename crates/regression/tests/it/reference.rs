//! Every number of R's results in `tests/data`, to 1e-9 relative, and one ill-conditioned problem.

use std::collections::BTreeSet;

use regression::{ErrorMeasure, FittedModel, Formula, Summary, Value, fit};
use serde::Deserialize;

use crate::support::{self, CASES, assert_close};

/// R's results have 15 digits.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RResults {
    case: String,
    rows: usize,
    formula: String,
    reference_level: Option<String>,
    coefficients: Vec<Coefficient>,
    r_squared: f64,
    adj_r_squared: f64,
    residual_std_error: f64,
    df_residual: usize,
    f_statistic: f64,
    predictions: Vec<Row>,
    leave_one_out: LeaveOneOut,
    pooled: Pooled,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Coefficient {
    term: String,
    estimate: f64,
    std_error: f64,
    t_value: f64,
    p_value: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    length: f64,
    height: f64,
    species: Option<String>,
    weight: f64,
    lower_95: f64,
    upper_95: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaveOneOut {
    press: f64,
    mean_abs_relative_error: f64,
    residuals: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pooled {
    formula: String,
    coefficients: Vec<Estimate>,
    r_squared: f64,
    prediction: Row,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Estimate {
    term: String,
    estimate: f64,
}

fn each_case(check: impl Fn(&FittedModel, &RResults)) {
    for case in CASES {
        let r: RResults = support::json(&format!("{case}.json"));
        assert_eq!(r.case, case);
        let formula: Formula = "weight ~ length + height + species".parse().unwrap();
        let model = fit(&formula, &support::table(&format!("{case}.csv"))).expect(case);
        check(&model, &r);
    }
}

#[test]
fn every_file_of_test_data_is_a_case() {
    let cases: BTreeSet<String> = CASES.iter().map(|case| (*case).to_owned()).collect();
    assert_eq!(support::json_files(""), cases);
}

#[test]
fn summaries_agree_with_r() {
    each_case(|model, r| {
        let summary = model.summary();
        assert_eq!(
            model.formula().to_string(),
            "weight ~ length + height + species"
        );
        assert_eq!(model.fitted_formula().to_string(), r.formula);
        assert_eq!(summary.formula.to_string(), r.formula);
        assert_eq!(summary.rows, r.rows);
        assert_eq!(summary.residual_degrees_of_freedom, r.df_residual);
        if let Some(level) = &r.reference_level {
            assert_eq!(&model.factors().next().unwrap().1[0], level);
        }
        assert_close(summary.r_squared, r.r_squared, TOLERANCE, "R²");
        assert_close(
            summary.adjusted_r_squared,
            r.adj_r_squared,
            TOLERANCE,
            "adjusted R²",
        );
        assert_close(
            summary.residual_standard_error,
            r.residual_std_error,
            TOLERANCE,
            "RSE",
        );
        assert_close(
            summary.f_test.as_ref().unwrap().statistic,
            r.f_statistic,
            TOLERANCE,
            "F",
        );
        assert_eq!(summary.coefficients.len(), r.coefficients.len());
        for (actual, expected) in summary.coefficients.iter().zip(&r.coefficients) {
            let what = format!("{} {}", r.case, expected.term);
            assert_eq!(actual.term, expected.term);
            assert_close(actual.estimate, expected.estimate, TOLERANCE, &what);
            assert_close(actual.std_error, expected.std_error, TOLERANCE, &what);
            assert_close(actual.t_value, expected.t_value, TOLERANCE, &what);
            assert_close(actual.p_value, expected.p_value, TOLERANCE, &what);
        }
    });
}

#[test]
fn predictions_and_intervals_agree_with_r() {
    each_case(|model, r| {
        for row in &r.predictions {
            let species = row.species.as_deref().unwrap();
            let prediction = model
                .predict(&[row.length, row.height], &[species])
                .unwrap();
            assert!(prediction.unseen.is_empty());
            assert_close(prediction.value, row.weight, TOLERANCE, "value");
            assert_close(prediction.lower, row.lower_95, TOLERANCE, "lower");
            assert_close(prediction.upper, row.upper_95, TOLERANCE, "upper");
            let by_name = [
                ("species", Value::Text(species)),
                ("height", Value::Number(row.height)),
                ("length", Value::Number(row.length)),
            ];
            assert_eq!(model.predict_named(&by_name).unwrap(), prediction);
        }
    });
}

#[test]
fn predictions_for_an_unseen_level_agree_with_r() {
    each_case(|model, r| {
        let pooled: Summary = model.pooled_summary();
        assert_eq!(pooled.formula.to_string(), r.pooled.formula);
        assert_close(pooled.r_squared, r.pooled.r_squared, TOLERANCE, "pooled R²");
        assert_eq!(pooled.coefficients.len(), r.pooled.coefficients.len());
        for (actual, expected) in pooled.coefficients.iter().zip(&r.pooled.coefficients) {
            assert_eq!(actual.term, expected.term);
            assert_close(
                actual.estimate,
                expected.estimate,
                TOLERANCE,
                &expected.term,
            );
        }
        let row = &r.pooled.prediction;
        let prediction = model
            .predict(&[row.length, row.height], &["unheard of"])
            .unwrap();
        assert!(prediction.unseen.contains(0));
        assert_close(prediction.value, row.weight, TOLERANCE, "value");
        assert_close(prediction.lower, row.lower_95, TOLERANCE, "lower");
        assert_close(prediction.upper, row.upper_95, TOLERANCE, "upper");
    });
}

#[test]
fn leave_one_out_agrees_with_r() {
    each_case(|model, r| {
        let table = support::table(&format!("{}.csv", r.case));
        let Some(regression::Column::Numeric(weights)) = table.column("weight") else {
            panic!("no weights")
        };
        let residuals: Vec<f64> = weights
            .iter()
            .zip(model.leave_one_out())
            .map(|(y, left_out)| y - left_out)
            .collect();
        assert_eq!(residuals.len(), r.leave_one_out.residuals.len());
        for (actual, expected) in residuals.iter().zip(&r.leave_one_out.residuals) {
            assert_close(*actual, *expected, TOLERANCE, "leave-one-out residual");
        }
        let press: f64 = residuals.iter().map(|residual| residual.powi(2)).sum();
        assert_close(press, r.leave_one_out.press, TOLERANCE, "PRESS");
        let error = model.leave_one_out_error(ErrorMeasure::Relative).unwrap();
        assert_close(
            error,
            r.leave_one_out.mean_abs_relative_error,
            TOLERANCE,
            "mean absolute relative error",
        );
    });
}

/// Longley (1967): nearly collinear columns. The expected values are from exact rational arithmetic.
#[test]
fn nearly_collinear_columns_keep_their_digits() {
    let formula = "Employed ~ GNP.deflator + GNP + Unemployed + Armed.Forces + Population + Year";
    let model = fit(&formula.parse().unwrap(), &support::table("longley.csv")).unwrap();
    let expected = [
        (-3482.2586345958184, 890.4203836073725),
        (0.015061872271373296, 0.08491492577476695),
        (-0.035819179292591014, 0.03349100777224319),
        (-0.02020229803816825, 0.0048839968165169945),
        (-0.010332268671735919, 0.0021427416316167525),
        (-0.051104105653580714, 0.22607320006937034),
        (1.8291514646135518, 0.455478499142212),
    ];
    for (actual, (estimate, std_error)) in model.summary().coefficients.iter().zip(expected) {
        assert_close(actual.estimate, estimate, 1e-11, &actual.term);
        assert_close(actual.std_error, std_error, 1e-11, &actual.term);
    }
}
