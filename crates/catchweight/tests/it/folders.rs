//! Folders of other pipelines than the fish, through the whole pipeline at full speed.

use std::path::{Path, PathBuf};

use catchweight::demo::DemoArgs;
use catchweight::embedded::PipelineArgs;
use fish_producer::MAX_SPEED;
use model_store::{Page, SqliteStore, Store};
use pipeline_folder::{Folder, FolderArgs};
use report::Verdict;
use serde_json::{Value, json};

use crate::binary::{catchweight, stderr, write};
use crate::harness::pipeline;
use crate::whole_loop::report;

fn penguins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/penguins")
}

/// The demo of a folder, at full speed and with its store in `data`.
fn args(folder: &Path, data: &Path) -> DemoArgs {
    DemoArgs {
        fish: fish_producer::Config {
            speed: Some(MAX_SPEED),
            ..fish_producer::Config::default()
        },
        pipeline: PipelineArgs {
            folder: FolderArgs {
                pipeline: Some(folder.to_owned()),
            },
            ..pipeline()
        },
        data_dir: Some(data.to_owned()),
        ..DemoArgs::default()
    }
}

/// The newest stored rows of a folder's pipeline.
async fn stored(folder: &Path, data: &Path, limit: u32) -> Vec<Value> {
    let definition = Folder::open(folder).expect("a folder").definition;
    let store = SqliteStore::open(data.join("catchweight.sqlite"), definition).expect("the store");
    let page = Page { skip: 0, limit };
    let rows = store.newest_rows(None, page).await.expect("rows");
    rows.into_iter()
        .map(|row| serde_json::to_value(row).expect("JSON"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_penguins_drift_once_and_recover() {
    let data = tempfile::tempdir().expect("a folder");
    let report = report(&args(&penguins(), data.path())).await;
    assert_eq!(
        (report.verdict, &report.reasons),
        (Verdict::Recovered, &vec![]),
        "{report}"
    );
    let counts = report.records;
    assert_eq!(
        (counts.measured, counts.stored, counts.dead_letters),
        (292, Some(292), 0),
        "{report}"
    );
    let drift = &report.retrainings[0];
    let cause = drift.cause.groups.first().expect("a group");
    assert_eq!(
        (cause.group.as_str(), cause.training_rows),
        ("Chinstrap", Some(0))
    );
    let late = drift.records_to_recovery.expect("a recovery");
    assert!((30..=75).contains(&late), "{report}");

    let rows = stored(&penguins(), data.path(), 1_000).await;
    assert_eq!(rows.len(), 292);
    let last = &rows[0];
    assert_eq!(last["Row"], json!("344"), "the key is the row's number");
    assert_eq!(last["species"], json!("Chinstrap"));
    assert_eq!(last["Actualbody_mass_g"].as_f64(), Some(3775.0));
}

/// 320 rows: `Δt` is wrong by 40 from row 170 on.
fn unusual_rows() -> String {
    let mut text = "Nº;\"Länge (mm)\";\"the \"\"gap\"\"\";Δt\n".to_owned();
    for n in 0..320_u32 {
        let wave = |k: u32| f64::from((n * k) % 17) / 10.0;
        let (length, gap) = (80.0 + 10.0 * wave(7), wave(5) - 0.8);
        let shift = if n < 170 { 0.0 } else { 40.0 };
        let noise = wave(11) - 0.8;
        let actual = 0.5 * length - 9.0 * gap - 60.0 + noise + shift;
        let decimal = |number: f64| format!("{number:.3}").replace('.', ",");
        text += &format!(
            "{};{};{};{}\n",
            9_000_000_000_u64 + u64::from(n),
            decimal(length),
            decimal(gap),
            decimal(actual)
        );
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_names_and_values_run_like_plain_ones() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = write(dir.path(), "rows.csv", &unusual_rows());
    let folder = dir.path().join("Δt of a machine");
    let named = folder.to_str().expect("UTF-8");
    let output = catchweight(&[
        "init", named, "--from", &file, "--key", "Nº", "--target", "Δt",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let definition = Folder::open(&folder).expect("a folder").definition;
    assert_eq!(definition.error, pipeline::ErrorKind::Absolute);
    assert!(definition.group().is_none());

    let data = dir.path().join("data");
    let report = report(&args(&folder, &data)).await;
    assert_eq!(report.verdict, Verdict::Recovered, "{report}");
    assert_eq!(report.records.stored, Some(270), "{report}");
    // The first retraining may have rows from before the shift.
    let mut retrainings = report.retrainings.iter();
    let late = retrainings.find_map(|one| one.records_to_recovery);
    assert!(late.is_some_and(|late| late <= 90), "{report}");

    let rows = stored(&folder, &data, 1_000).await;
    assert_eq!(rows[0]["Nº"], json!("9000000319"));
    assert_eq!(rows[0]["ActualΔt"].as_f64(), Some(17.5), "{}", rows[0]);
    assert!(rows[0][r#"the "gap""#].is_number(), "{}", rows[0]);
    let mut actual = rows.iter().filter_map(|row| row["ActualΔt"].as_f64());
    assert!(actual.any(|actual| actual < 0.0), "values below zero");
}

#[test]
fn up_sends_no_rows_of_a_folder() {
    let folder = penguins();
    let named = folder.to_str().expect("UTF-8");
    for (flags, expected) in [
        (&["--speed", "20"][..], "`catchweight feed`"),
        (&["--plan", "salmon:1"], "--plan is for simulated fish"),
    ] {
        let output = catchweight(&[&["up", "--pipeline", named], flags].concat());
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}
