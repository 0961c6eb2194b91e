//! Factors with one level, many levels, a level with a single row, and an unseen level.

use regression::{Column, FittedModel, Formula, Table, fit};

use crate::support::{assert_close, select, table};

fn formula() -> Formula {
    "weight ~ length + height + species".parse().unwrap()
}

fn weights(table: &Table) -> &[f64] {
    let Some(Column::Numeric(weights)) = table.column("weight") else {
        panic!("no weights")
    };
    weights
}

#[test]
fn a_factor_with_one_level_has_no_effect() {
    let rows = table("walleye-50.csv");
    let model = fit(&formula(), &rows).unwrap();
    let plain = fit(&"weight ~ length + height".parse().unwrap(), &rows).unwrap();

    assert_eq!(model.formula(), formula());
    assert_eq!(model.fitted_formula(), plain.formula());
    assert_eq!(
        model.factors().collect::<Vec<_>>(),
        [("species", &["walleye".to_owned()][..])]
    );
    assert_eq!(model.summary(), plain.summary());
    assert_eq!(model.pooled_summary(), plain.summary());

    let expected = plain.predict(&[80.0, 17.0], &[]).unwrap();
    assert_eq!(
        model.predict(&[80.0, 17.0], &["walleye"]).unwrap(),
        expected
    );
    let unseen = model.predict(&[80.0, 17.0], &["salmon"]).unwrap();
    assert!(unseen.pooled);
    assert_eq!(
        (unseen.value, unseen.lower, unseen.upper),
        (expected.value, expected.lower, expected.upper)
    );
}

#[test]
fn the_pooled_fit_predicts_an_unseen_level() {
    let rows = table("three-species-50.csv");
    let model = fit(&formula(), &rows).unwrap();
    let pooled = fit(&"weight ~ length + height".parse().unwrap(), &rows).unwrap();
    let prediction = model.predict(&[80.0, 17.0], &["eel"]).unwrap();
    assert!(prediction.pooled);
    assert_eq!(
        prediction.value,
        pooled.predict(&[80.0, 17.0], &[]).unwrap().value
    );
    for level in ["arctic char", "salmon", "walleye"] {
        assert!(!model.predict(&[80.0, 17.0], &[level]).unwrap().pooled);
    }
}

#[test]
fn one_unseen_level_among_several_factors_uses_the_pooled_fit() {
    let rows = table("salmon-walleye-50.csv");
    let waters: Vec<&str> = (0..rows.rows())
        .map(|row| if row % 3 == 0 { "lake" } else { "river" })
        .collect();
    let rows = rows.with_text("water", waters).unwrap();
    let model = fit(&"weight ~ species + length + water".parse().unwrap(), &rows).unwrap();
    assert_eq!(
        model
            .summary()
            .coefficients
            .iter()
            .map(|c| c.term.as_str())
            .collect::<Vec<_>>(),
        ["(Intercept)", "specieswalleye", "length", "waterriver"]
    );
    assert!(!model.predict(&[80.0], &["walleye", "lake"]).unwrap().pooled);
    assert!(model.predict(&[80.0], &["walleye", "sea"]).unwrap().pooled);
    assert!(model.predict(&[80.0], &["eel", "lake"]).unwrap().pooled);
    assert_eq!(
        model.pooled_summary().formula.to_string(),
        "weight ~ length"
    );
}

/// The walleye rows and a single salmon at index `place`.
fn with_a_single_salmon(place: usize) -> (Table, FittedModel) {
    let both = table("salmon-walleye-50.csv");
    let Some(Column::Text(species)) = both.column("species") else {
        panic!("no species")
    };
    let salmon = species.iter().position(|s| s == "salmon").unwrap();
    let mut picked: Vec<usize> = (0..both.rows())
        .filter(|&row| species[row] == "walleye")
        .collect();
    picked.insert(place, salmon);
    let rows = select(&both, &picked);
    let model = fit(&formula(), &rows).unwrap();
    (rows, model)
}

#[test]
fn leaving_out_the_only_row_of_a_level_uses_the_pooled_fit() {
    for place in [0, 7] {
        let (rows, model) = with_a_single_salmon(place);
        // The fit passes through the only row of a level.
        let fitted = &model.predict_table(&rows).unwrap()[place];
        assert_close(fitted.value, weights(&rows)[place], 1e-12, "fitted value");
        assert!(!fitted.pooled);

        // Without the row, its level is unseen.
        let pooled = fit(&"weight ~ length + height".parse().unwrap(), &rows).unwrap();
        assert_close(
            model.leave_one_out()[place],
            pooled.leave_one_out()[place],
            1e-12,
            "left out",
        );
        let others: Vec<usize> = (0..rows.rows()).filter(|&row| row != place).collect();
        let refitted = fit(&formula(), &select(&rows, &others)).unwrap();
        let prediction = &refitted.predict_table(&rows).unwrap()[place];
        assert!(prediction.pooled);
        assert_close(
            model.leave_one_out()[place],
            prediction.value,
            1e-9,
            "refitted",
        );
    }
}

#[test]
fn a_row_that_determines_the_pooled_fit_gets_the_mean() {
    let rows = Table::new()
        .with_numeric("width", [1.0, 1.0, 1.0, 1.0, 9.0])
        .unwrap()
        .with_numeric("load", [2.0, 3.0, 4.0, 7.0, 50.0])
        .unwrap();
    let model = fit(&"load ~ width".parse().unwrap(), &rows).unwrap();
    assert_close(model.leave_one_out()[4], 4.0, 1e-12, "left out");
    assert_close(model.leave_one_out()[3], 3.0, 1e-12, "left out");
}

#[test]
fn the_error_on_a_table_includes_unseen_levels() {
    let champion = fit(&formula(), &table("salmon-100.csv")).unwrap();
    let rows = table("salmon-walleye-50.csv");
    let predictions = champion.predict_table(&rows).unwrap();
    assert!(predictions.iter().any(|p| p.pooled) && predictions.iter().any(|p| !p.pooled));
    let expected: f64 = predictions
        .iter()
        .zip(weights(&rows))
        .map(|(p, weight)| ((p.value - weight) / weight).abs())
        .sum::<f64>()
        / rows.rows() as f64;
    assert_close(champion.error_on(&rows).unwrap(), expected, 1e-12, "error");
    // Walleye are much lighter than salmon of the same length, so the error is large.
    assert!(expected > 0.3, "{expected}");
    assert!(
        fit(&formula(), &rows)
            .unwrap()
            .leave_one_out_error()
            .unwrap()
            < 0.05
    );
}
