//! A plan through the whole pipeline in this process.

use std::time::Duration;

use catchweight::demo::{self, DemoArgs};
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

async fn report(args: &DemoArgs) -> Report {
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
    let fish = report.fish;
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
        .species
        .first()
        .expect("the species with the largest error");
    assert_eq!(
        (walleye.species.as_str(), walleye.training_rows),
        ("walleye", Some(0)),
        "{report}"
    );
    let counted: u64 = cause.species.iter().map(|one| one.fish).sum();
    assert_eq!(counted, cause.fish, "as the SQL counted them: {report}");
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
        assert_eq!(report(&args).await.fish.stored, Some(3));
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
        .fish_rows
        .iter()
        .filter(|row| row.species == "char")
        .collect();
    assert!(
        char.first().expect("char").unseen_species,
        "the model was not trained on char"
    );
    assert!(
        !char.last().expect("char").unseen_species,
        "the model was trained on char"
    );
    let salmon_again = report.phases.last().expect("a phase");
    assert!(salmon_again.mean_error.expect("errors") < 0.1, "{report}");
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
        (report.fish.stored, report.fish.dead_letters),
        (Some(20), 3),
        "{report}"
    );
    assert_eq!(report.fish.unreadable, 4, "{report}");
    running.stop().await;
}
