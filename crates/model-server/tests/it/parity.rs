//! Comparison with R 4.2's `lm` and `predict` on the same rows.

use model_server::Config;
use serde_json::Value;

use crate::harness::{Server, config, reference};

fn assert_close(ours: &Value, theirs: &Value) {
    let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
    let difference = (ours - theirs).abs() / theirs.abs().max(1e-300);
    assert!(difference < 1e-9, "got {ours}, R has {theirs}");
}

fn assert_same_prediction(ours: &Value, theirs: &Value) {
    assert_close(&ours["Weight"], &theirs["weight"]);
    assert_close(&ours["Lower95"], &theirs["lower_95"]);
    assert_close(&ours["Upper95"], &theirs["upper_95"]);
}

async fn check_against_r(case: &str) {
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
    assert_close(&summary["RSquared"], &r["r_squared"]);
    assert_close(&summary["AdjustedRSquared"], &r["adj_r_squared"]);
    assert_close(&summary["ResidualStandardError"], &r["residual_std_error"]);
    assert_close(&summary["FStatistic"], &r["f_statistic"]);
    assert!(live["LooError"].as_f64().unwrap().is_finite());
    let coefficients = r["coefficients"].as_array().unwrap();
    let ours = summary["Coefficients"].as_array().unwrap();
    assert_eq!(ours.len(), coefficients.len());
    for (ours, theirs) in ours.iter().zip(coefficients) {
        assert_eq!(ours["Term"], theirs["term"]);
        for (field, r_field) in [
            ("Estimate", "estimate"),
            ("StdError", "std_error"),
            ("TValue", "t_value"),
            ("PValue", "p_value"),
        ] {
            assert_close(&ours[field], &theirs[r_field]);
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
        let answer = server.predict(length, height, &species(row)).await;
        assert_eq!(answer["UnseenSpecies"], false);
        assert_same_prediction(&answer, row);
    }
    // R's `predict` fails for an unseen species, so its fit without species is the reference.
    let pooled = &r["pooled"]["prediction"];
    let [length, height] = ["length", "height"].map(|field| pooled[field].as_f64().unwrap());
    let answer = server.predict(length, height, "unseen").await;
    assert_eq!(answer["UnseenSpecies"], true);
    assert_same_prediction(&answer, pooled);
    server.stop().await;
}

#[tokio::test]
async fn models_agree_with_r() {
    for case in [
        "salmon-100",
        "walleye-50",
        "salmon-walleye-50",
        "three-species-50",
        "single-row-species/char-once-51",
    ] {
        check_against_r(case).await;
    }
}
