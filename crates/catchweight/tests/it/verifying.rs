//! A pipeline that runs, reported on from outside.

use std::time::Duration;

use catchweight::demo::ReportArgs;
use catchweight::embedded::Embedded;
use catchweight::verify::{self, VerifyArgs};
use fish_producer::FishProducer;
use model_server::StoreAddress;
use report::Ledger;
use service_runtime::{CancellationToken, Tasks};
use tokio::time::timeout;

use crate::whole_loop::{LIMIT, fish, pipeline};

#[tokio::test(flavor = "multi_thread")]
async fn while_fish_keep_coming_those_that_were_measured_when_it_began_are_accounted_for() {
    let data = tempfile::tempdir().expect("a folder");
    let mut tasks = Tasks::new(CancellationToken::new());
    let stop = tasks.shutdown();
    let settings = pipeline();
    let embedded = Embedded::start(&settings, data.path(), Ledger::default(), &mut tasks);
    let embedded = embedded.await.expect("the pipeline starts");
    timeout(LIMIT, embedded.readiness().ready())
        .await
        .expect("the pipeline is ready");
    // More fish than anybody waits for: the topics are never silent.
    let plan = fish("salmon:100000", 1);
    let machines = FishProducer::bind(&plan, embedded.kafka()).expect("settings");
    tasks.spawn("machines", machines.run(stop.clone()));
    let measured = async {
        let mut changes = embedded.watched().observer.changes();
        while embedded.watched().observer.ledger().fish().len() < 20 {
            changes.changed().await.expect("the observer lives");
        }
    };
    timeout(LIMIT, measured).await.expect("twenty fish");

    let file = data.path().join("report.json");
    let args = VerifyArgs {
        kafka: embedded.kafka().clone(),
        model_url: embedded.model_url().to_owned(),
        store: StoreAddress::Sqlite(data.path().join("catchweight.sqlite")),
        follow: false,
        fish: None,
        timeout: 60,
        output: ReportArgs {
            report: Some(file.clone()),
            plot: None,
        },
        files: pipeline().files,
    };
    let verdict = timeout(Duration::from_secs(90), verify::run(args, stop.clone())).await;
    verdict.expect("it has a limit of its own").expect("steady");
    let report = std::fs::read(file).expect("a report");
    let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["verdict"], "steady", "{report}");
    let steps = ["measured", "predicted", "weighed", "joined", "stored"];
    let fish = steps.map(|step| report["fish"][step].as_u64().expect("a number"));
    assert!(
        fish[0] >= 20 && fish.iter().all(|n| *n == fish[0]),
        "{fish:?}"
    );
    stop.cancel();
    timeout(LIMIT, tasks.join())
        .await
        .expect("all parts end")
        .expect("none fails");
}
