//! A check names everything in which the files of a folder disagree.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

use pipeline_folder::{Folder, check};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const FILES: [&str; 5] = [
    "pipeline.toml",
    "ksql/pipeline.sql",
    "connectors/weight-data.json",
    "connectors/retrain-trigger.json",
    "data/salmon-100.csv",
];

/// The problems of the shipped folder after texts of its files were replaced.
fn problems_after(changes: &[(&str, &str, &str)]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    for file in FILES {
        let mut text = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        for (_, from, to) in changes.iter().filter(|(changed, ..)| *changed == file) {
            let changed = text.replace(from, to);
            assert_ne!(changed, text, "{from}");
            text = changed;
        }
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let folder = Folder::open(dir.path()).unwrap();
    let prefix = format!("{}/", dir.path().display());
    let problems = check::problems(&folder).into_iter();
    problems
        .map(|problem| problem.to_string().replace(&prefix, ""))
        .collect()
}

#[test]
fn the_shipped_files_agree() {
    assert_eq!(check::problems(&Folder::shipped()), []);
    assert_eq!(problems_after(&[]), [""; 0]);
}

#[test]
fn each_disagreement_is_named() {
    let (toml, sql) = ("pipeline.toml", "ksql/pipeline.sql");
    let (rows, trigger) = (
        "connectors/weight-data.json",
        "connectors/retrain-trigger.json",
    );
    for (file, from, to, expected) in [
        (
            sql,
            "\"Height\" DOUBLE,",
            "",
            "ksql/pipeline.sql, line 10: the field `Height` is not declared",
        ),
        (
            sql,
            "\"Height\" DOUBLE",
            "\"Height\" VARCHAR",
            "the field `Height` is VARCHAR, expected DOUBLE",
        ),
        (
            sql,
            "\"Species\" VARCHAR,\n    \"Length\"",
            "\"Species\" DOUBLE,\n    \"Length\"",
            "the field `Species` is DOUBLE, expected VARCHAR",
        ),
        (
            sql,
            "STRUCT<\"Weight\"",
            "STRUCT<\"Weigth\"",
            "the field `Prediction.Weight` is not declared",
        ),
        (
            sql,
            "\"Fish_Id\" VARCHAR KEY",
            "\"Id\" VARCHAR KEY",
            "the KEY is Id, expected `Fish_Id` (record.key)",
        ),
        (
            sql,
            "='weight-prediction'",
            "='predictions'",
            "no CREATE STREAM reads the topic `weight-prediction` (predicted.topic); the topics of the SQL are predictions, machine-weight",
        ),
        (
            sql,
            "='weight-retrain'",
            "='retrain'",
            "no CREATE … AS SELECT writes the topic `weight-retrain` (rows.trigger)",
        ),
        (
            sql,
            "AS \"ErrorAvg\"",
            "AS \"Mean\"",
            "a trigger needs the fields `ErrorAvg`, which are not selected",
        ),
        (
            sql,
            "AS \"Fish_Id_Start\"",
            "AS \"First\"",
            "a trigger needs the fields `Fish_Id_Start`",
        ),
        (
            sql,
            "    P.\"Length\" AS \"Length\",\n",
            "",
            "a stored row needs the fields `Length`",
        ),
        (
            sql,
            " / A.\"Weight\", 3)",
            ", 3)",
            "\"Error\" is not divided by the actual value, and model.error is \"relative\"",
        ),
        (
            sql,
            "AVG(\"Error\") > 0.15 AND",
            "",
            "HAVING AVG(…) > number",
        ),
        (sql, "SELECT", "SELEKT", "ksql/pipeline.sql: line "),
        (
            toml,
            "error = \"relative\"",
            "error = \"absolute\"",
            "\"Error\" is a quotient, and model.error is \"absolute\"",
        ),
        (
            toml,
            "weight = { field = \"Weight\"",
            "weight = { field = \"Mass\"",
            "a stored row needs the fields `PredictedMass`, `ActualMass`",
        ),
        (
            rows,
            "\"weight-diff\"",
            "\"weight-dif\"",
            "connectors/weight-data.json: takes the topic `weight-dif`, which neither pipeline.toml nor the SQL has",
        ),
        (
            rows,
            "\"weight-diff\"",
            "\"weight-dif\"",
            "connectors: no connector takes the topic `weight-diff` (rows.topic)",
        ),
        (
            rows,
            "\"TrainingData\"",
            "\"Rows\"",
            "collection is `Rows`, expected `TrainingData` (rows.collection)",
        ),
        (
            rows,
            "weight-diff-dlq",
            "dead",
            "errors.deadletterqueue.topic.name is `dead`, expected `weight-diff-dlq`",
        ),
        (
            rows,
            "\"WeightData\"",
            "\"RetrainTrigger\"",
            "the name `RetrainTrigger` is also that of connectors/retrain-trigger.json",
        ),
        (
            trigger,
            "/train",
            "/retrain",
            "http.url is `${env:MODEL_URL}/retrain`, expected an address that ends in /train",
        ),
        (
            trigger,
            "\"name\"",
            "name",
            "connectors/retrain-trigger.json: key must be a string",
        ),
        (
            "data/salmon-100.csv",
            "species,length",
            "species,breadth",
            "data/salmon-100.csv: the header has no column `length`; it has species, breadth, height, weight",
        ),
    ] {
        let problems = problems_after(&[(file, from, to)]);
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{to}: {problems:?}"
        );
    }
}

#[test]
fn all_disagreements_are_named_at_once() {
    let problems = problems_after(&[
        ("ksql/pipeline.sql", "\"Height\" DOUBLE,", ""),
        ("ksql/pipeline.sql", "AS \"ErrorAvg\"", "AS \"Mean\""),
        (
            "connectors/weight-data.json",
            "\"TrainingData\"",
            "\"Rows\"",
        ),
        ("data/salmon-100.csv", "species,length", "species,breadth"),
    ]);
    assert_eq!(problems.len(), 4, "{problems:?}");
}
