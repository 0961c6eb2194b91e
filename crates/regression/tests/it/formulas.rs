//! Every number of R's results in `tests/data/formulas`, to 1e-9 relative.

use regression::{ErrorMeasure, FittedModel, Table, Value, fit};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::support::{self, assert_close};

/// R's results have 15 digits.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RResults {
    case: String,
    data: String,
    rows: usize,
    formula: String,
    response: String,
    response_transform: String,
    coefficients: Vec<Coefficient>,
    r_squared: f64,
    adj_r_squared: f64,
    residual_std_error: f64,
    df_residual: usize,
    f_statistic: f64,
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
    t_value: f64,
    p_value: f64,
}

#[derive(Deserialize)]
struct Prediction {
    value: f64,
    lower_95: f64,
    upper_95: f64,
    linear_predictor: f64,
    #[serde(flatten)]
    inputs: Map<String, Json>,
}

fn each_case(check: impl Fn(&FittedModel, &RResults, &Table)) {
    let cases = support::json_files("formulas");
    assert_eq!(cases.len(), 12);
    for case in cases {
        let r: RResults = support::json(&format!("formulas/{case}.json"));
        assert_eq!(r.case, case);
        let table = support::table(&r.data);
        assert_eq!(table.rows(), r.rows);
        let model = fit(&r.formula.parse().expect(&case), &table).expect(&case);
        check(&model, &r, &table);
    }
}

#[test]
fn summaries_of_all_formulas_agree_with_r() {
    each_case(|model, r, _| {
        let summary = model.summary();
        let close = |actual, expected, what: &str| {
            assert_close(actual, expected, TOLERANCE, &format!("{} {what}", r.case));
        };
        assert_eq!(summary.formula.to_string(), r.formula);
        assert_eq!(model.formula().response(), r.response);
        assert_eq!(summary.rows, r.rows);
        assert_eq!(summary.residual_degrees_of_freedom, r.df_residual);
        close(summary.r_squared, r.r_squared, "R²");
        close(summary.adjusted_r_squared, r.adj_r_squared, "adjusted R²");
        close(
            summary.residual_standard_error,
            r.residual_std_error,
            "residual standard error",
        );
        close(
            summary.f_test.as_ref().unwrap().statistic,
            r.f_statistic,
            "F",
        );
        let names = |terms: Vec<&str>| terms.join(" + ");
        assert_eq!(
            names(
                summary
                    .coefficients
                    .iter()
                    .map(|c| c.term.as_str())
                    .collect()
            ),
            names(r.coefficients.iter().map(|c| c.term.as_str()).collect())
        );
        for (actual, expected) in summary.coefficients.iter().zip(&r.coefficients) {
            let term = &expected.term;
            close(actual.estimate, expected.estimate, term);
            close(actual.std_error, expected.std_error, term);
            close(actual.t_value, expected.t_value, term);
            close(actual.p_value, expected.p_value, term);
        }
        let text = summary.to_string();
        assert!(text.starts_with(&format!(
            "\nCall:\nlm(formula = {}, data = rows)\n",
            r.formula
        )));
    });
}

#[test]
fn predictions_of_all_formulas_agree_with_r() {
    each_case(|model, r, _| {
        let transform: fn(f64) -> f64 = match r.response_transform.as_str() {
            "identity" => |y| y,
            "log" => f64::ln,
            "sqrt" => f64::sqrt,
            other => panic!("{other}"),
        };
        assert!(!r.predictions.is_empty());
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
            assert!(prediction.unseen.is_empty());
            assert_close(prediction.value, row.value, TOLERANCE, &what);
            assert_close(prediction.lower, row.lower_95, TOLERANCE, &what);
            assert_close(prediction.upper, row.upper_95, TOLERANCE, &what);
            let linear = transform(prediction.value);
            assert_close(linear, row.linear_predictor, TOLERANCE, &what);
        }
    });
}

#[test]
fn leave_one_out_errors_of_all_formulas_agree_with_r() {
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
fn stored_models_of_all_formulas_predict_the_same() {
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
