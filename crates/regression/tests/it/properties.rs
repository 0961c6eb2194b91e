//! Properties that hold for any rows.

use proptest::prelude::*;
use regression::{Column, FittedModel, Formula, Table, fit};

use crate::support::select;

const LEVELS: [&str; 4] = ["oak", "ash", "pine", "Fir"];

fn formula() -> Formula {
    "load ~ width + wood + depth".parse().unwrap()
}

/// Rows of very different scales and offsets, with one to four levels.
fn rows() -> impl Strategy<Value = Table> {
    let row = (-1.0..1.0, -1.0..1.0, 0..LEVELS.len(), -1.0..1.0);
    (
        proptest::collection::vec(row, 8..40),
        1..=LEVELS.len(),
        -3..4,
        -2.0..2.0,
    )
        .prop_map(|(rows, levels, scale, offset)| {
            let scale = 10f64.powi(scale);
            let width: Vec<f64> = rows
                .iter()
                .map(|row| scale * (row.0 + 5.0 * offset))
                .collect();
            let wood: Vec<&str> = rows.iter().map(|row| LEVELS[row.2 % levels]).collect();
            let load: Vec<f64> = rows
                .iter()
                .map(|row| 20.0 + row.0 - 2.0 * row.1 + row.2 as f64 + row.3)
                .collect();
            Table::new()
                .with_numeric("width", width)
                .unwrap()
                .with_text("wood", wood)
                .unwrap()
                .with_numeric("depth", rows.iter().map(|row| row.1))
                .unwrap()
                .with_numeric("load", load)
                .unwrap()
        })
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

fn values(model: &FittedModel, table: &Table) -> Vec<[f64; 3]> {
    model
        .predict_table(table)
        .unwrap()
        .iter()
        .map(|p| [p.value, p.lower, p.upper])
        .collect()
}

proptest! {
    #[test]
    fn predictions_do_not_depend_on_the_order_of_the_rows(rows in rows(), seed in any::<u64>()) {
        let Ok(model) = fit(&formula(), &rows) else { return Err(TestCaseError::reject("degenerate rows")) };
        let mut order: Vec<usize> = (0..rows.rows()).collect();
        order.sort_by_key(|row| (*row as u64 + 1).wrapping_mul(seed | 1));
        let shuffled = fit(&formula(), &select(&rows, &order)).unwrap();
        for (a, b) in values(&model, &rows).iter().zip(values(&shuffled, &rows)) {
            prop_assert!(a.iter().zip(b).all(|(a, b)| close(*a, b)), "{a:?} {b:?}");
        }
    }

    #[test]
    fn predictions_do_not_depend_on_the_order_of_the_terms(rows in rows()) {
        let terms = ["width", "wood", "wood:width", "depth", "depth:width", "I(depth^2)"];
        let fitted = |terms: Vec<&str>| {
            let formula: Formula = format!("load ~ {}", terms.join(" + ")).parse().unwrap();
            fit(&formula, &rows)
        };
        let Ok(model) = fitted(terms.to_vec()) else { return Err(TestCaseError::reject("degenerate rows")) };
        let reversed = fitted(terms.iter().rev().copied().collect()).unwrap();
        for (a, b) in values(&model, &rows).iter().zip(values(&reversed, &rows)) {
            prop_assert!(a.iter().zip(b).all(|(a, b)| close(*a, b)), "{a:?} {b:?}");
        }
    }

    #[test]
    fn predictions_do_not_depend_on_units(
        rows in rows(),
        factor in prop_oneof![0.01..0.5, 2.0..100.0],
        offset in -3.0..3.0,
    ) {
        let formula: Formula = "load ~ width * wood + depth + I(depth^2)".parse().unwrap();
        let Ok(model) = fit(&formula, &rows) else { return Err(TestCaseError::reject("degenerate rows")) };
        let in_other_units = rows.columns().fold(Table::new(), |table, (name, column)| match column {
            Column::Text(levels) => table.with_text(name, levels.clone()).unwrap(),
            Column::Numeric(values) => {
                let spread = values.iter().fold(0.0_f64, |spread, x| spread.max((x - values[0]).abs()));
                let values = values.iter().map(|x| factor * (x + offset * spread));
                table.with_numeric(name, values).unwrap()
            }
        });
        let Some(Column::Numeric(load)) = rows.column("load") else { panic!("no load") };
        let spread = load.iter().fold(0.0_f64, |spread, x| spread.max((x - load[0]).abs()));
        let converted = fit(&formula, &in_other_units).unwrap();
        for (a, b) in values(&model, &rows).iter().zip(values(&converted, &in_other_units)) {
            let back = b.map(|value| value / factor - offset * spread);
            prop_assert!(a.iter().zip(back).all(|(a, b)| close(*a, b)), "{a:?} {back:?}");
        }
    }

    #[test]
    fn leave_one_out_predictions_equal_those_of_a_refit(rows in rows()) {
        let Ok(model) = fit(&formula(), &rows) else { return Err(TestCaseError::reject("degenerate rows")) };
        for left_out in 0..rows.rows() {
            let others: Vec<usize> = (0..rows.rows()).filter(|row| *row != left_out).collect();
            // Without this row, the remaining rows may be too few or degenerate.
            let Ok(refitted) = fit(&formula(), &select(&rows, &others)) else { continue };
            let expected = refitted.predict_table(&select(&rows, &[left_out])).unwrap()[0].value;
            let actual = model.leave_one_out()[left_out];
            prop_assert!(close(actual, expected), "row {left_out}: {actual}, refitted {expected}");
        }
    }

    #[test]
    fn a_deserialized_model_is_equal(rows in rows(), width in -10.0..10.0, depth in -10.0..10.0) {
        let Ok(model) = fit(&formula(), &rows) else { return Err(TestCaseError::reject("degenerate rows")) };
        let read: FittedModel = serde_json::from_str(&serde_json::to_string(&model).unwrap()).unwrap();
        for level in LEVELS {
            let bits = |m: &FittedModel| {
                let p = m.predict(&[width, depth], &[level]).unwrap();
                (p.value.to_bits(), p.lower.to_bits(), p.upper.to_bits(), p.unseen)
            };
            prop_assert_eq!(bits(&model), bits(&read));
        }
        prop_assert_eq!(read, model);
    }

    #[test]
    fn a_displayed_formula_parses_to_the_same_formula(
        response in "[^`]{1,12}",
        terms in proptest::collection::vec("[^`]{1,12}", 0..5),
    ) {
        let Ok(formula) = Formula::new(response, terms) else { return Err(TestCaseError::reject("the response is a term")) };
        prop_assert_eq!(formula.to_string().parse::<Formula>().unwrap(), formula.clone());
        let json = serde_json::to_string(&formula).unwrap();
        prop_assert_eq!(serde_json::from_str::<Formula>(&json).unwrap(), formula);
    }
}
