//! Rules over rows that are known already: the figures are those of the running pipeline.

use std::path::PathBuf;

use backtest::{Backtest, BacktestArgs, Figures};
use catchweight::backtest::start;
use catchweight::demo::{self, DemoArgs};
use fish_producer::Simulation;
use model_server::seed::first_version;
use model_store::features::{Features, predict};
use pipeline_folder::{Folder, FolderArgs};
use service_runtime::CancellationToken;
use test_support::within;

use crate::harness::{fish, pipeline};

const PLAN: &str = "salmon:60,walleye:60,salmon:60";

fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn simulated(seeds: &str, grid: &[&str]) -> BacktestArgs {
    BacktestArgs {
        folder: FolderArgs {
            pipeline: Some(project(".")),
        },
        simulate: Some(PLAN.parse().unwrap()),
        seeds: Some(seeds.parse().unwrap()),
        grid: grid.iter().map(|axis| axis.parse().unwrap()).collect(),
        every: 50,
        ..BacktestArgs::default()
    }
}

fn of_penguins() -> BacktestArgs {
    BacktestArgs {
        folder: FolderArgs {
            pipeline: Some(project("examples/penguins")),
        },
        every: 50,
        ..BacktestArgs::default()
    }
}

fn run(args: &BacktestArgs) -> Backtest {
    backtest::backtest(args, &start, |_| true).unwrap()
}

fn refusal(args: &BacktestArgs) -> String {
    let refused = backtest::backtest(args, &start, |_| true);
    refused.unwrap_err().to_string()
}

fn baseline<'f>(figures: &'f Backtest, name: &str) -> &'f Figures {
    let mut baselines = figures.baselines.iter();
    baselines.find(|one| one.name.starts_with(name)).unwrap()
}

#[test]
fn the_same_records_give_the_same_figures() {
    for args in [simulated("1..3", &["size=20s,60s"]), of_penguins()] {
        let figures = run(&args);
        assert_eq!(run(&args), figures);
        assert_eq!(run(&args).to_string(), figures.to_string());
    }
}

/// The figures of the demo in README.md.
#[test]
fn the_version_is_that_of_the_documented_demo() {
    let figures = run(&simulated("1", &[]));
    let [rule] = figures.rules.as_slice() else {
        panic!("{figures}")
    };
    let [activated] = rule.activations.as_slice() else {
        panic!("{figures}")
    };
    assert_eq!(activated.version, "84df5b8039d3");
    let rows = [&activated.first_row, &activated.last_row];
    let fish = rows.map(|row| row.as_ref().unwrap().split('@').next().unwrap());
    assert_eq!(fish, ["32", "81"]);
    let drifts = rule.drifts.as_ref().unwrap();
    assert_eq!(
        (drifts.drifts, drifts.missed, drifts.false_alarms),
        (1, 0, 0)
    );
    assert_eq!(drifts.delay_records.unwrap().max, 26.0);
    assert_eq!(drifts.delay_seconds.unwrap().max, 52.0);
}

/// The windows depend on event time only; which rows are stored when a training begins depends on the machine.
#[tokio::test(flavor = "multi_thread")]
async fn the_trigger_is_that_of_the_live_loop() {
    let args = DemoArgs {
        fish: fish(PLAN, 1),
        pipeline: pipeline(),
        ..DemoArgs::default()
    };
    let live = demo::report(&args, CancellationToken::new());
    let live = within("the demo ends", live).await.unwrap();
    let retrained = live.retrainings.first().unwrap();
    let figures = tokio::task::spawn_blocking(|| run(&simulated("1", &[])));
    let figures = figures.await.unwrap();
    let trigger = figures.rules[0].activations[0].trigger.as_ref().unwrap();
    assert_eq!(
        serde_json::to_value(trigger).unwrap(),
        serde_json::json!({
            "ModelVersion": retrained.erring_version,
            "Species": retrained.groups,
            "Fish_Id_Start": retrained.first_key,
            "Fish_Id_End": retrained.last_key,
            "ErrorAvg": retrained.error_avg,
            "Fish": retrained.cause.records,
        }),
        "{live}"
    );
    if retrained.last_row == figures.rules[0].activations[0].last_row {
        let version = &figures.rules[0].activations[0].version;
        assert_eq!(retrained.version.as_ref(), Some(version), "{live}");
    }
}

#[test]
fn never_is_the_error_without_a_retraining() {
    let figures = run(&simulated("1", &["threshold=1000"]));
    let never = baseline(&figures, "never");
    let untriggered = &figures.rules[1];
    assert_eq!((untriggered.triggers, untriggered.records), (0, 180));
    assert_eq!(never.mean_error, untriggered.mean_error);

    let first = first_version(&Folder::shipped(), None).unwrap();
    let simulation = Simulation::new(&fish(PLAN, 1)).unwrap();
    let errors = simulation.fish().map(|fish| {
        let features = Features {
            numbers: vec![fish.length_cm, fish.height_cm],
            categories: vec![fish.species.into()],
        };
        let predicted = predict(&first.info.model, &features).unwrap().value;
        (predicted - fish.weight_kg).abs() / fish.weight_kg
    });
    let mean = errors.sum::<f64>() / 180.0;
    assert!((never.mean_error.unwrap() - mean).abs() < 1e-12, "{mean}");
}

#[test]
fn rows_of_a_folder_are_run_with_baselines() {
    let figures = run(&of_penguins());
    assert_eq!(figures.rules[0].records, 292);
    assert!(figures.rules[0].drifts.is_none(), "drifts are not known");
    let error = |one: &Figures| one.mean_error.unwrap();
    let hindsight = error(baseline(&figures, "in hindsight"));
    let never = error(baseline(&figures, "never"));
    let every = baseline(&figures, "retrain every 50 rows");
    assert_eq!(every.outcomes.values().sum::<u64>(), 292 / 50);
    let rule = error(&figures.rules[0]);
    assert!(hindsight < error(every), "{figures}");
    assert!(
        rule < never,
        "the species of the last third is new: {figures}"
    );
}

#[test]
fn a_sooner_rule_has_a_shorter_delay() {
    let figures = run(&simulated("1..4", &["size=60s", "advance=10s"]));
    let delay = |rule: &Figures| rule.drifts.as_ref().unwrap().delay_records.unwrap().mean;
    let [tumbling, hopping] = figures.rules.as_slice() else {
        panic!("{figures}")
    };
    assert!(delay(hopping) < delay(tumbling), "{figures}");
    let hopping_line = "WINDOW HOPPING (SIZE 1 MINUTE, ADVANCE BY 10 SECONDS, RETENTION 1 DAY, GRACE PERIOD 10 SECONDS)";
    assert!(figures.to_string().contains(hopping_line), "{figures}");
    let svg = figures.svg().unwrap();
    assert!(svg.contains("2: size=60s advance=10s"), "{svg}");
}

#[test]
fn what_cannot_be_run_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let shipped = std::fs::read_to_string(project("ksql/pipeline.sql")).unwrap();
    let with = |sql: PathBuf| BacktestArgs {
        sql: vec![sql],
        ..simulated("1", &[])
    };
    let no_window: Vec<&str> = shipped
        .lines()
        .filter(|line| !line.starts_with("WINDOW"))
        .collect();
    let no_window = with(file("window.sql", &no_window.join("\n")));
    let no_join = shipped.replace("WITHIN 1 MINUTE", "WITHIN 1 SECOND");
    let rows = |text: &str| BacktestArgs {
        file: Some(file("rows.csv", text)),
        ..of_penguins()
    };
    for (args, expected) in [
        (
            no_window,
            "window.sql: the statement that writes the topic `weight-retrain` has no WINDOW",
        ),
        (
            with(file("syntax.sql", "CREATE STEAM S;")),
            "syntax.sql: line 1",
        ),
        (
            with(folder.path().join("missing.sql")),
            "missing.sql: No such file",
        ),
        (
            with(file("late.sql", &no_join)),
            "late.sql: the SQL joined no row; check",
        ),
        (
            simulated("1", &["size=1s", "advance=2s"]),
            "the advance is longer than the window",
        ),
        (
            BacktestArgs {
                simulate: Some(PLAN.parse().unwrap()),
                ..of_penguins()
            },
            "only the fish factory is simulated",
        ),
        (rows("species,island\nAdelie,Dream\n"), "rows.csv"),
        (rows(""), "rows.csv"),
        (
            BacktestArgs {
                simulate: None,
                ..simulated("1", &[])
            },
            "no rows: name a CSV file",
        ),
    ] {
        let error = refusal(&args);
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_run_can_be_stopped() {
    let args = BacktestArgs {
        simulate: Some("salmon:10000".parse().unwrap()),
        ..simulated("1", &[])
    };
    let stopped = backtest::backtest(&args, &start, |_| false).unwrap_err();
    assert!(stopped.is::<backtest::Stopped>(), "{stopped}");
}
