//! Factors with one level, many levels, a level with a single row, and an unseen level.

use regression::{Column, ErrorMeasure, FittedModel, Formula, Table, fit};

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
    assert!(unseen.unseen.contains(0));
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
    assert!(prediction.unseen.contains(0));
    assert_eq!(
        prediction.value,
        pooled.predict(&[80.0, 17.0], &[]).unwrap().value
    );
    for level in ["arctic char", "salmon", "walleye"] {
        assert!(
            model
                .predict(&[80.0, 17.0], &[level])
                .unwrap()
                .unseen
                .is_empty()
        );
    }
}

#[test]
fn only_factors_with_unseen_levels_are_left_out() {
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
    assert_eq!(
        model.pooled_summary().formula.to_string(),
        "weight ~ length"
    );
    for (levels, formula, unseen) in [
        (
            ["walleye", "lake"],
            "weight ~ species + length + water",
            &[][..],
        ),
        (["eel", "lake"], "weight ~ length + water", &[0]),
        (["walleye", "sea"], "weight ~ species + length", &[1]),
        (["eel", "sea"], "weight ~ length", &[0, 1]),
    ] {
        let prediction = model.predict(&[80.0], &levels).unwrap();
        assert_eq!(prediction.unseen.iter().collect::<Vec<_>>(), unseen);
        let reduced = fit(&formula.parse().unwrap(), &rows).unwrap();
        let known: Vec<&str> = levels
            .iter()
            .enumerate()
            .filter(|(factor, _)| !prediction.unseen.contains(*factor))
            .map(|(_, level)| *level)
            .collect();
        let expected = reduced.predict(&[80.0], &known).unwrap();
        assert_eq!(
            [prediction.value, prediction.lower, prediction.upper],
            [expected.value, expected.lower, expected.upper],
            "{formula}"
        );
    }
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
        assert!(fitted.unseen.is_empty());

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
        assert!(prediction.unseen.contains(0));
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
    assert!(
        predictions.iter().any(|p| p.unseen.is_empty())
            && predictions.iter().any(|p| p.unseen.contains(0))
    );
    let expected: f64 = predictions
        .iter()
        .zip(weights(&rows))
        .map(|(p, weight)| ((p.value - weight) / weight).abs())
        .sum::<f64>()
        / rows.rows() as f64;
    assert_close(
        champion.error_on(&rows, ErrorMeasure::Relative).unwrap(),
        expected,
        1e-12,
        "error",
    );
    // Walleye are much lighter than salmon of the same length, so the error is large.
    assert!(expected > 0.3, "{expected}");
    assert!(
        fit(&formula(), &rows)
            .unwrap()
            .leave_one_out_error(ErrorMeasure::Relative)
            .unwrap()
            < 0.05
    );
}

/// Rows with a factor of this many levels, each in four rows.
fn with_levels(levels: usize) -> Table {
    let rows = 4 * levels;
    let wave = |row: usize, step: f64| (row as f64 * step).sin();
    Table::new()
        .with_text(
            "shop",
            (0..rows).map(|row| format!("shop {:03}", row % levels)),
        )
        .unwrap()
        .with_numeric("x", (0..rows).map(|row| wave(row, 1.3)))
        .unwrap()
        .with_numeric(
            "y",
            (0..rows).map(|row| (row % levels) as f64 + wave(row, 1.3) + 0.1 * wave(row, 2.9)),
        )
        .unwrap()
}

#[test]
fn a_factor_can_have_many_levels() {
    let rows = with_levels(60);
    let model = fit(&"y ~ x + shop".parse().unwrap(), &rows).unwrap();
    assert_eq!(model.summary().coefficients.len(), 61);
    let prediction = model.predict(&[0.5], &["shop 042"]).unwrap();
    assert!((prediction.value - 42.5).abs() < 0.2, "{prediction:?}");
    assert!(model.leave_one_out_error(ErrorMeasure::Absolute).unwrap() < 0.2);
    // Without shops, x explains little of y.
    let unseen = model.predict(&[0.5], &["another"]).unwrap();
    assert!(unseen.unseen.contains(0) && unseen.upper - unseen.lower > 40.0);
}

#[test]
fn beyond_three_factors_an_unseen_level_leaves_out_all() {
    let rows = 48;
    let wave = |row: usize| (row as f64 * 1.7).sin();
    let mut table = Table::new()
        .with_numeric("x", (0..rows).map(wave))
        .unwrap()
        .with_numeric("y", (0..rows).map(|row| 2.0 * wave(row) + (row % 5) as f64))
        .unwrap();
    for (name, size) in [("a", 2), ("b", 3), ("c", 4), ("d", 5)] {
        let levels = (0..rows).map(|row| (row / (size - 1) % size).to_string());
        table = table.with_text(name, levels).unwrap();
    }
    let model = fit(&"y ~ x + a + b + c + d".parse().unwrap(), &table).unwrap();
    let plain = fit(&"y ~ x".parse().unwrap(), &table).unwrap();
    let known = model.predict(&[0.5], &["0", "1", "2", "3"]).unwrap();
    assert!(known.unseen.is_empty());
    for levels in [["9", "1", "2", "3"], ["0", "1", "2", "9"]] {
        let prediction = model.predict(&[0.5], &levels).unwrap();
        assert_eq!(prediction.unseen.iter().count(), 1);
        assert_eq!(prediction.value, plain.predict(&[0.5], &[]).unwrap().value);
    }
}

#[test]
fn an_unseen_level_keeps_what_its_terms_have_in_common() {
    let rows = table("three-species-50.csv");
    for (formula, remaining) in [
        ("weight ~ length * species", "weight ~ length"),
        ("weight ~ 0 + species + length", "weight ~ length"),
        ("weight ~ length:species", "weight ~ length"),
        (
            "log(weight) ~ 0 + log(length):species",
            "log(weight) ~ 0 + log(length)",
        ),
    ] {
        let model = fit(&formula.parse().unwrap(), &rows).unwrap();
        assert_eq!(model.pooled_summary().formula.to_string(), remaining);
        let other = fit(&remaining.parse().unwrap(), &rows).unwrap();
        assert_eq!(
            model.predict(&[80.0], &["eel"]).unwrap().value,
            other.predict(&[80.0], &[]).unwrap().value,
            "{formula}"
        );
    }
}
