//! A plan through the whole pipeline in this process.

use std::time::Duration;

use catchweight::demo::{self, DemoArgs};
use fish_producer::{MAX_SPEED, Simulation};
use model_store::{Page, SqliteStore, Store};
use pipeline::{Definition, topics};
use rdkafka::producer::{FutureProducer, FutureRecord};
use report::{Report, Selection, Verdict};
use service_runtime::CancellationToken;
use test_support::{eventually, within};

use crate::harness::{Running, fish, pipeline};

async fn run(plan: &str, seed: u64) -> Report {
    let args = DemoArgs {
        fish: fish(plan, seed),
        pipeline: pipeline(),
        ..DemoArgs::default()
    };
    report(&args).await
}

pub(crate) async fn report(args: &DemoArgs) -> Report {
    let report = demo::report(args, CancellationToken::new());
    within("the demo ends", report)
        .await
        .expect("every part runs")
}

fn activated(report: &Report) -> usize {
    let outcomes = report.retrainings.iter().map(|one| one.outcome.as_deref());
    outcomes
        .filter(|outcome| *outcome == Some("activated"))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_species_triggers_one_retraining_and_recovers() {
    let report = run("salmon:60,walleye:60,salmon:60", 1).await;
    assert_eq!(
        (report.verdict, &report.reasons),
        (Verdict::Recovered, &vec![]),
        "{report}"
    );
    let fish = report.records;
    let steps = [
        fish.measured,
        fish.predicted,
        fish.weighed,
        fish.joined,
        fish.stored.expect("known"),
    ];
    assert_eq!(steps, [180; 5], "{report}");
    assert_eq!((fish.duplicates, fish.dead_letters), (0, 0));
    assert_eq!(activated(&report), 1, "{report}");
    assert_eq!(report.threshold, 0.15);
    let after = report.mean_error_after_recovery.expect("a drift ended");
    assert!(after < report.threshold, "{report}");
    // The first model was trained on the hundred shipped salmon only.
    let cause = &report.retrainings.first().expect("a retraining").cause;
    let walleye = cause
        .groups
        .first()
        .expect("the species with the largest error");
    assert_eq!(
        (walleye.group.as_str(), walleye.training_rows),
        ("walleye", Some(0)),
        "{report}"
    );
    let counted: u64 = cause.groups.iter().map(|one| one.records).sum();
    assert_eq!(counted, cause.records, "as the SQL counted them: {report}");
    let features: Vec<_> = cause
        .features
        .iter()
        .map(|one| one.feature.as_str())
        .collect();
    assert_eq!(features, ["length", "height"], "{report}");
    let shorter = cause.features.iter().map(|one| one.shift_sd);
    assert!(shorter.flatten().all(|shift| shift < 0.0), "{report}");
    // The retraining had rows of both species.
    let last = report.phases.last().expect("a phase");
    assert!(last.mean_error.expect("errors") < 0.1, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_on_a_folder_keeps_the_rows_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let args = DemoArgs {
        fish: fish("salmon:3", 1),
        pipeline: pipeline(),
        data_dir: Some(folder.path().to_owned()),
        ..DemoArgs::default()
    };
    for _ in 0..2 {
        assert_eq!(report(&args).await.records.stored, Some(3));
    }
    let store = SqliteStore::open(
        folder.path().join("catchweight.sqlite"),
        Definition::shipped(),
    )
    .expect("the store");
    let page = Page { skip: 0, limit: 10 };
    let rows = store.newest_rows(None, page).await.expect("rows");
    assert_eq!(rows.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_new_species_nothing_is_retrained() {
    let report = run("salmon:90", 2).await;
    assert_eq!(
        (report.verdict, report.retrainings.len()),
        (Verdict::Steady, 0),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unseen_species_is_flagged_until_it_is_learned() {
    let report = run("salmon:60,walleye:60,char:60,salmon:30", 3).await;
    assert_eq!(report.verdict, Verdict::Recovered, "{report}");
    let char: Vec<_> = report
        .record_rows
        .iter()
        .filter(|row| row.group.as_deref() == Some("char"))
        .collect();
    assert!(
        char.first().expect("char").unseen_level,
        "the model was not trained on char"
    );
    assert!(
        !char.last().expect("char").unseen_level,
        "the model was trained on char"
    );
    let salmon_again = report.phases.last().expect("a phase");
    assert!(salmon_again.mean_error.expect("errors") < 0.1, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_full_speed_a_run_recovers_as_early_as_in_real_time() {
    let mut fish = fish("salmon:600,walleye:300", 1);
    fish.speed = Some(MAX_SPEED);
    fish.start_time = Some("2026-10-01T10:00:20.000Z".parse().expect("a time"));
    let args = DemoArgs {
        fish,
        pipeline: pipeline(),
        ..DemoArgs::default()
    };
    let report = report(&args).await;
    assert_eq!(report.verdict, Verdict::Recovered, "{report}");
    // 26 is the first fish measured after the weighing that closes the window, as in real time. Without the
    // stop at the window, hundreds of fish pass. On a busy machine, the next window may be the one that ends it.
    let late = report.retrainings[0].records_to_recovery;
    assert!((26..=56).contains(&late.expect("a recovery")), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_file_runs_as_fast_as_the_pipeline() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fish.csv");
    let simulated = Simulation::new(&fish("salmon:2100", 1)).expect("a simulation");
    let mut text = "Fish_Id,Species,Length,Height,Weight\n".to_owned();
    for one in simulated.fish() {
        let (id, length, height) = (one.id, one.length_cm, one.height_cm);
        text += &format!("{id},salmon,{length},{height},{}\n", one.weight_kg);
    }
    std::fs::write(&path, text).expect("a file");
    let args = DemoArgs {
        fish: fish_producer::Config {
            input: Some(path),
            ..fish_producer::Config::default()
        },
        pipeline: pipeline(),
        ..DemoArgs::default()
    };
    // At the demo's usual speed it takes 210 s.
    let report = report(&args).await;
    assert_eq!(report.verdict, Verdict::Steady, "{report}");
    assert_eq!(report.records.stored, Some(2_100), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_progress_names_the_step_and_the_last_fish() {
    let mut running = Running::start().await;
    running.produce("salmon:2");
    running.settled(2).await;
    let producer = running.embedded.kafka().producer("lone").create();
    let producer: FutureProducer = producer.expect("a producer");
    let record = FutureRecord::to(topics::MACHINE_MEASUREMENT)
        .key("x")
        .payload(r#"{"Fish_Id":"x","Species":"salmon","Length":86.4,"Height":18.7,"Timestamp":"2021-06-09T13:39:17.971Z"}"#);
    producer
        .send(record, Duration::from_secs(60))
        .await
        .expect("written");
    let patience = Duration::from_secs(1);
    let view = running.embedded.view();
    let stalled = within(
        "no progress",
        view.settled(Some(3), Duration::ZERO, patience),
    );
    let text = stalled
        .await
        .expect_err("a weighing is missing")
        .to_string();
    let expected = "no progress for 1 s: 1 fish not weighed (last weighed: fish 2)";
    assert_eq!(text, expected);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_on_any_topic_are_counted_and_stop_nothing() {
    let mut running = Running::start().await;
    let producer: FutureProducer = running
        .embedded
        .kafka()
        .producer("bad")
        .create()
        .expect("a producer");
    let bad = [
        (topics::MACHINE_MEASUREMENT, r#"{"Fish_Id":"x","#),
        (
            topics::MACHINE_MEASUREMENT,
            r#"{"Fish_Id":"x","Species":"salmon","Height":18.7,"Timestamp":"2021-06-09T13:39:27.971Z"}"#,
        ),
        (topics::MACHINE_WEIGHT, "not JSON"),
        (topics::WEIGHT_DIFF, r#"{"Fish_Id":"x"}"#),
    ];
    for (topic, value) in bad {
        let record = FutureRecord::to(topic).key("x").payload(value);
        producer
            .send(record, Duration::from_secs(60))
            .await
            .expect("written");
    }
    running.produce("salmon:20");
    running.settled(20).await;
    let view = running.embedded.view();
    let dead_letters = || view.observer.ledger().dead_letters().values().sum::<u64>();
    // Of the predictor and of the sink.
    eventually("three dead letters", async || dead_letters() == 3).await;

    let snapshot = view.snapshot().await;
    let all = Selection::default();
    let report = view.report(all, &snapshot, Some(20), Duration::ZERO, Vec::new());
    assert_eq!(report.verdict, Verdict::Steady, "{report}");
    assert_eq!(
        (report.records.stored, report.records.dead_letters),
        (Some(20), 3),
        "{report}"
    );
    assert_eq!(report.records.unreadable, 4, "{report}");
    running.stop().await;
}
