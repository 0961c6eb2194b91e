//! What R 4.2's `lm` and `predict` say of the same rows.

use model_server::Config;
use serde_json::Value;

use crate::harness::{Server, config, reference};

fn close(ours: &Value, theirs: &Value) {
    let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
    let difference = (ours - theirs).abs() / theirs.abs().max(1e-300);
    assert!(difference < 1e-9, "{ours} is not R's {theirs}");
}

async fn agrees_with_r(case: &str) {
    let dir = tempfile::tempdir().unwrap();
    let training_data = Some(reference(&format!("{case}.csv")));
    let server = Server::start_in(
        dir.path(),
        Config {
            training_data,
            ..config()
        },
    )
    .await;
    let text = std::fs::read_to_string(reference(&format!("{case}.json"))).unwrap();
    let r: Value = serde_json::from_str(&text).unwrap();
    let live = server.json("/models/live").await;
    assert_eq!(live["Formula"], r["formula"]);
    let summary = &live["Summary"];
    close(&summary["RSquared"], &r["r_squared"]);
    close(&summary["AdjustedRSquared"], &r["adj_r_squared"]);
    close(&summary["ResidualStandardError"], &r["residual_std_error"]);
    close(&summary["FStatistic"], &r["f_statistic"]);
    let coefficients = r["coefficients"].as_array().unwrap();
    for (ours, theirs) in summary["Coefficients"]
        .as_array()
        .unwrap()
        .iter()
        .zip(coefficients)
    {
        assert_eq!(ours["Term"], theirs["term"]);
        for (field, of_r) in [
            ("Estimate", "estimate"),
            ("StdError", "std_error"),
            ("TValue", "t_value"),
            ("PValue", "p_value"),
        ] {
            close(&ours[field], &theirs[of_r]);
        }
    }
    let predictions = r["predictions"].as_array().unwrap();
    assert!(!predictions.is_empty());
    let species = |row: &Value| row["species"].as_str().unwrap_or("salmon").to_owned();
    for row in predictions {
        let (length, height) = (
            row["length"].as_f64().unwrap(),
            row["height"].as_f64().unwrap(),
        );
        let answer = server.weigh(length, height, &species(row)).await;
        close(&answer["Weight"], &row["weight"]);
        close(&answer["Lower95"], &row["lower_95"]);
        close(&answer["Upper95"], &row["upper_95"]);
    }
    server.stop().await;
}

#[tokio::test]
async fn one_species_agrees_with_r() {
    agrees_with_r("salmon-100").await;
}

#[tokio::test]
async fn another_single_species_agrees_with_r() {
    agrees_with_r("walleye-50").await;
}

#[tokio::test]
async fn two_species_agree_with_r() {
    agrees_with_r("salmon-walleye-50").await;
}

#[tokio::test]
async fn three_species_agree_with_r() {
    agrees_with_r("three-species-50").await;
}

#[tokio::test]
async fn a_species_with_a_single_row_is_predicted_and_judged() {
    let dir = tempfile::tempdir().unwrap();
    let mut rows = std::fs::read_to_string(reference("salmon-walleye-50.csv")).unwrap();
    rows.push_str("char,70.5,15.25,2.125\n");
    let file = dir.path().join("rows.csv");
    std::fs::write(&file, rows).unwrap();
    let server = Server::start_in(
        dir.path(),
        Config {
            training_data: Some(file),
            ..config()
        },
    )
    .await;
    let live = server.json("/models/live").await;
    assert_eq!(live["Rows"], 51);
    // The only row of its level decides its coefficient: it is fitted exactly.
    let answer = server.weigh(70.5, 15.25, "char").await;
    assert!(
        (answer["Weight"].as_f64().unwrap() - 2.125).abs() < 1e-9,
        "{answer}"
    );
    assert_eq!(answer["UnseenSpecies"], false);
    assert!(live["LooError"].as_f64().unwrap().is_finite());
    server.stop().await;
}
