//! Input for which linfa returns wrong numbers or panics is rejected with the column's name.

use regression::{ErrorMeasure, ErrorMeasureError, FitError, PredictError, Table, Value, fit};

const WIDTH: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0];
const DEPTH: [f64; 6] = [2.0, 1.0, 4.0, 3.0, 7.0, 5.0];
const LOAD: [f64; 6] = [3.1, 2.9, 7.2, 6.8, 12.1, 11.7];

fn table() -> Table {
    Table::new()
        .with_numeric("width", WIDTH)
        .unwrap()
        .with_numeric("load", LOAD)
        .unwrap()
}

#[track_caller]
fn fit_error(formula: &str, table: &Table) -> FitError {
    fit(&formula.parse().unwrap(), table).expect_err(formula)
}

#[test]
fn a_missing_column_or_a_text_response_is_rejected() {
    assert_eq!(
        fit_error("load ~ depth", &table()),
        FitError::MissingColumn {
            column: "depth".into()
        }
    );
    assert_eq!(
        fit_error("weight ~ width", &table()),
        FitError::MissingColumn {
            column: "weight".into()
        }
    );
    let table = table().with_text("wood", ["oak"; 6]).unwrap();
    assert_eq!(
        fit_error("wood ~ width", &table),
        FitError::TextResponse {
            column: "wood".into()
        }
    );
}

#[test]
fn nan_and_infinity_are_rejected_with_column_and_row() {
    let with_depth = |value: f64| {
        let mut depth = DEPTH;
        depth[3] = value;
        table().with_numeric("depth", depth).unwrap()
    };
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let expected = FitError::NotFinite {
            column: "depth".into(),
            row: 3,
        };
        assert_eq!(
            fit_error("load ~ width + depth", &with_depth(value)),
            expected
        );
        assert_eq!(fit_error("depth ~ width", &with_depth(value)), expected);
        assert_eq!(
            expected.to_string(),
            "column `depth`, row 4: not a finite number"
        );
    }
}

#[test]
fn an_empty_table_is_rejected() {
    let empty = Table::new()
        .with_numeric("width", [])
        .unwrap()
        .with_numeric("load", [])
        .unwrap();
    assert_eq!(fit_error("load ~ width", &empty), FitError::NoRows);
}

#[test]
fn there_must_be_more_rows_than_columns() {
    let rows = |n: usize| {
        Table::new()
            .with_numeric("width", WIDTH[..n].to_vec())
            .unwrap()
            .with_numeric("depth", DEPTH[..n].to_vec())
            .unwrap()
            .with_numeric("load", LOAD[..n].to_vec())
            .unwrap()
    };
    for n in [1, 2, 3] {
        assert_eq!(
            fit_error("load ~ width + depth", &rows(n)),
            FitError::TooFewRows {
                rows: n,
                columns: 3
            }
        );
    }
    let error = fit_error("load ~ width + depth", &rows(3)).to_string();
    assert_eq!(
        error,
        "3 rows are too few for the 3 columns of the design matrix: at least 4 are needed"
    );
    assert!(fit(&"load ~ width + depth".parse().unwrap(), &rows(4)).is_ok());
}

#[test]
fn a_dependent_column_is_rejected_with_the_column_it_repeats() {
    let doubled = table()
        .with_numeric("depth", DEPTH)
        .unwrap()
        .with_numeric("twice", WIDTH.map(|width| 2.0 * width + 1.0))
        .unwrap();
    let error = fit_error("load ~ width + depth + twice", &doubled);
    assert_eq!(
        error,
        FitError::DependentColumn {
            column: "twice".into(),
            on: vec!["width".into()]
        }
    );
    assert!(
        error
            .to_string()
            .starts_with("column `twice` is determined by `width`: "),
        "{error}"
    );
}

#[test]
fn a_constant_column_is_rejected() {
    for value in [0.0, 0.1, 88.0, -1e-12, 1e12] {
        let flat = table().with_numeric("flat", [value; 6]).unwrap();
        let expected = FitError::ConstantColumn {
            column: "flat".into(),
        };
        assert_eq!(fit_error("load ~ width + flat", &flat), expected, "{value}");
        assert_eq!(fit_error("flat ~ width", &flat), expected, "{value}");
    }
    // As in R, a column that varies by less than 1e-7 of its size counts as constant.
    let nearly = table()
        .with_numeric("nearly", WIDTH.map(|width| 1e9 + width))
        .unwrap();
    assert_eq!(
        fit_error("load ~ nearly", &nearly),
        FitError::ConstantColumn {
            column: "nearly".into()
        }
    );
}

#[test]
fn equal_rows_are_rejected() {
    let same = Table::new()
        .with_numeric("width", [1.5; 6])
        .unwrap()
        .with_numeric("load", LOAD)
        .unwrap();
    assert_eq!(
        fit_error("load ~ width", &same),
        FitError::ConstantColumn {
            column: "width".into()
        }
    );
}

#[test]
fn a_full_one_hot_encoding_is_rejected() {
    let one_hot = table()
        .with_numeric("oak", [1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
        .unwrap()
        .with_numeric("ash", [0.0, 0.0, 1.0, 1.0, 0.0, 0.0])
        .unwrap()
        .with_numeric("pine", [0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
        .unwrap();
    assert_eq!(
        fit_error("load ~ width + oak + ash + pine", &one_hot),
        FitError::DependentColumn {
            column: "pine".into(),
            on: vec!["oak".into(), "ash".into()]
        }
    );
}

#[test]
fn two_equivalent_factors_are_rejected() {
    let equivalent = table()
        .with_text("wood", ["oak", "oak", "oak", "ash", "ash", "ash"])
        .unwrap()
        .with_text("code", ["O", "O", "O", "A", "A", "A"])
        .unwrap();
    assert_eq!(
        fit_error("load ~ wood + code", &equivalent),
        FitError::DependentColumn {
            column: "codeO".into(),
            on: vec!["woodoak".into()]
        }
    );
}

#[test]
fn numbers_that_overflow_are_rejected() {
    let sum_overflows = table()
        .with_numeric("huge", WIDTH.map(|width| width * 2e307))
        .unwrap();
    assert_eq!(
        fit_error("load ~ huge", &sum_overflows),
        FitError::Overflow {
            column: "huge".into()
        }
    );
    let squares_overflow = table()
        .with_numeric("huge", WIDTH.map(|width| width * 1e200))
        .unwrap();
    assert!(fit(&"huge ~ width".parse().unwrap(), &squares_overflow).is_err());
}

#[test]
fn an_empty_level_is_rejected() {
    let with_gap = table()
        .with_text("wood", ["oak", "oak", "", "ash", "ash", "ash"])
        .unwrap();
    assert_eq!(
        fit_error("load ~ width + wood", &with_gap),
        FitError::EmptyLevel {
            column: "wood".into(),
            row: 2
        }
    );
}

#[test]
fn a_number_outside_a_function_is_rejected_with_its_row() {
    let with_depth = |depth: f64| {
        let depths = [2.0, 1.0, depth, 3.0, 7.0, 5.0];
        table().with_numeric("depth", depths).unwrap()
    };
    for (formula, depth, expected) in [
        (
            "load ~ width + log(depth)",
            0.0,
            "row 3: `depth` is 0, expected a number above 0: the formula uses log(depth)",
        ),
        (
            "sqrt(depth) ~ width",
            -2.5,
            "row 3: `depth` is -2.5, expected a number of at least 0: the formula uses sqrt(depth)",
        ),
    ] {
        let error = fit_error(formula, &with_depth(depth));
        assert!(matches!(error, FitError::OutsideDomain { row: 2, .. }));
        assert_eq!(error.to_string(), expected);
    }
    assert!(fit(&"load ~ sqrt(depth)".parse().unwrap(), &with_depth(0.0)).is_ok());
    assert_eq!(
        fit_error("load ~ exp(depth)", &with_depth(800.0)),
        FitError::Overflow {
            column: "exp(depth)".into()
        }
    );

    let model = fit(&"load ~ log(depth)".parse().unwrap(), &with_depth(4.0)).unwrap();
    assert_eq!(
        model.predict(&[-1.0], &[]).unwrap_err().to_string(),
        "`depth` is -1, expected a number above 0: the formula uses log(depth)"
    );
}

#[test]
fn a_function_of_a_text_column_is_rejected() {
    let wood = table().with_text("wood", ["oak", "ash", "oak", "ash", "oak", "ash"]);
    let error = fit_error("load ~ log(wood)", &wood.unwrap());
    assert_eq!(
        error.to_string(),
        "`wood` is a text column, expected numbers: the formula uses log(wood)"
    );
}

#[test]
fn an_interaction_that_repeats_a_term_is_rejected() {
    let table = table()
        .with_text("wood", ["oak", "ash", "oak", "ash", "oak", "ash"])
        .unwrap()
        .with_text("cut", ["a", "a", "b", "b", "b", "a"])
        .unwrap();
    let error = fit_error("load ~ wood:cut", &table);
    assert_eq!(
        error,
        FitError::Repetition {
            term: "wood:cut".into(),
            other: "(Intercept)".into()
        }
    );
    assert!(error.to_string().contains("write `wood * cut`"), "{error}");
    assert_eq!(
        fit_error("load ~ width + wood:cut:width - 1", &table),
        FitError::Repetition {
            term: "width:wood:cut".into(),
            other: "width".into()
        }
    );
    assert!(fit(&"load ~ 0 + wood:cut".parse().unwrap(), &table).is_ok());
}

#[test]
fn a_perfect_fit_is_accepted() {
    let line = table()
        .with_numeric("line", WIDTH.map(|width| 3.0 - 2.0 * width))
        .unwrap();
    let model = fit(&"line ~ width".parse().unwrap(), &line).unwrap();
    let prediction = model.predict(&[10.0], &[]).unwrap();
    assert!((prediction.value + 17.0).abs() < 1e-12, "{prediction:?}");
    assert!(
        prediction.upper - prediction.lower < 1e-12,
        "{prediction:?}"
    );
    assert!(
        model
            .summary()
            .to_string()
            .contains("Residual standard error: ")
    );
}

#[test]
fn prediction_inputs_of_the_wrong_number_or_type_are_rejected() {
    let table = table()
        .with_text("wood", ["oak", "oak", "ash", "ash", "pine", "pine"])
        .unwrap();
    let model = fit(&"load ~ width + wood".parse().unwrap(), &table).unwrap();
    for (numerics, factors) in [
        (&[][..], &["oak"][..]),
        (&[1.0, 2.0], &["oak"]),
        (&[1.0], &[]),
        (&[1.0], &["oak", "ash"]),
    ] {
        assert!(
            matches!(
                model.predict(numerics, factors),
                Err(PredictError::Width { .. })
            ),
            "{numerics:?} {factors:?}"
        );
    }
    assert_eq!(
        model.predict(&[f64::NAN], &["oak"]),
        Err(PredictError::NotFinite("width".into()))
    );
    assert_eq!(
        model.predict(&[f64::INFINITY], &["fir"]),
        Err(PredictError::NotFinite("width".into()))
    );
    assert_eq!(
        model.predict(&[1.0], &[""]),
        Err(PredictError::EmptyLevel("wood".into()))
    );
    assert_eq!(
        model.predict(&[1e308], &["oak"]),
        Err(PredictError::Overflow)
    );

    let (number, text) = (("width", Value::Number(1.0)), ("wood", Value::Text("oak")));
    assert!(
        model
            .predict_named(&[text, number, ("colour", Value::Text("red"))])
            .is_ok()
    );
    assert_eq!(
        model.predict_named(&[number]),
        Err(PredictError::Missing("wood".into()))
    );
    assert_eq!(
        model.predict_named(&[text, ("width", Value::Text("1"))]),
        Err(PredictError::NotANumber("width".into()))
    );
    assert_eq!(
        model.predict_named(&[number, ("wood", Value::Number(1.0))]),
        Err(PredictError::NotAText("wood".into()))
    );
    let no_wood = Table::new().with_numeric("width", WIDTH).unwrap();
    assert_eq!(
        model.predict_table(&no_wood),
        Err(PredictError::Missing("wood".into()))
    );
}

#[test]
fn an_undefined_error_measure_is_rejected() {
    use ErrorMeasureError::{Length, MissingResponse, NoRows, NotFinite, ZeroActual};
    assert_eq!(
        ErrorMeasure::Relative
            .of(&[1.1, 1.8], &[1.0, -2.0])
            .map(|e| (e * 1e9).round()),
        Ok(1e9)
    );
    assert_eq!(ErrorMeasure::Relative.of(&[], &[]), Err(NoRows));
    assert_eq!(
        ErrorMeasure::Relative.of(&[1.0], &[1.0, 2.0]),
        Err(Length {
            predicted: 1,
            actual: 2
        })
    );
    assert_eq!(
        ErrorMeasure::Relative.of(&[1.0, 1.0], &[1.0, 0.0]),
        Err(ZeroActual { row: 1 })
    );
    assert_eq!(
        ErrorMeasure::Relative.of(&[f64::NAN], &[1.0]),
        Err(NotFinite)
    );
    let model = fit(&"load ~ width".parse().unwrap(), &table()).unwrap();
    let unlabelled = Table::new().with_numeric("width", WIDTH).unwrap();
    assert_eq!(
        model.error_on(&unlabelled, ErrorMeasure::Relative),
        Err(MissingResponse("load".into()))
    );
}
