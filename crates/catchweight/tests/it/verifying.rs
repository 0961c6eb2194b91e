//! A pipeline that runs, reported on from outside.

use std::time::Duration;

use catchweight::demo::ReportArgs;
use catchweight::verify::{self, VerifyArgs};
use model_server::StoreAddress;
use tokio::time::timeout;

use crate::harness::{LIMIT, Running, pipeline};

#[tokio::test(flavor = "multi_thread")]
async fn while_fish_keep_coming_those_that_were_measured_when_it_began_are_accounted_for() {
    let mut running = Running::start().await;
    running.fish_come();
    let (embedded, data) = (&running.embedded, running.data.path());
    let measured = async {
        let mut changes = embedded.watched().observer.changes();
        while embedded.watched().observer.ledger().fish().len() < 20 {
            changes.changed().await.expect("the observer lives");
        }
    };
    timeout(LIMIT, measured).await.expect("twenty fish");

    let file = data.join("report.json");
    let args = VerifyArgs {
        kafka: embedded.kafka().clone(),
        model_url: embedded.model_url().to_owned(),
        store: StoreAddress::Sqlite(data.join("catchweight.sqlite")),
        follow: false,
        fish: None,
        timeout: 60,
        output: ReportArgs {
            report: Some(file.clone()),
            plot: None,
        },
        files: pipeline().files,
    };
    let verdict = timeout(
        Duration::from_secs(90),
        verify::run(args, running.tasks.shutdown()),
    )
    .await;
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
    running.stop().await;
}
