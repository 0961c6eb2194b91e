//! A pipeline that runs, reported on from outside.

use std::path::Path;
use std::time::Duration;

use catchweight::demo::ReportArgs;
use catchweight::verify::{self, VerifyArgs};
use model_server::StoreAddress;
use observer::Awaited;
use serde_json::Value;
use tokio::time::timeout;

use crate::harness::{LIMIT, Running, pipeline};

/// What asks about a running pipeline and leaves a report in `file`.
fn args(running: &Running, file: &Path) -> VerifyArgs {
    VerifyArgs {
        kafka: running.embedded.kafka().clone(),
        model_url: running.embedded.model_url().to_owned(),
        store: StoreAddress::Sqlite(running.data.path().join("catchweight.sqlite")),
        follow: false,
        fish: None,
        timeout: 60,
        output: ReportArgs {
            report: Some(file.to_owned()),
            plot: None,
        },
        files: pipeline().files,
    }
}

fn report_in(file: &Path) -> Value {
    let report = std::fs::read(file).expect("a report");
    serde_json::from_slice(&report).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn while_fish_keep_coming_those_that_were_measured_when_it_began_are_accounted_for() {
    let mut running = Running::start().await;
    running.fish_come();
    let embedded = &running.embedded;
    let measured = async {
        let mut changes = embedded.watched().observer.changes();
        while embedded.watched().observer.ledger().fish().len() < 20 {
            changes.changed().await.expect("the observer lives");
        }
    };
    timeout(LIMIT, measured).await.expect("twenty fish");

    let file = running.data.path().join("report.json");
    let args = args(&running, &file);
    let verdict = timeout(
        Duration::from_secs(90),
        verify::run(args, running.tasks.shutdown()),
    )
    .await;
    verdict.expect("it has a limit of its own").expect("steady");
    let report = report_in(&file);
    assert_eq!(report["verdict"], "steady", "{report}");
    let steps = ["measured", "predicted", "weighed", "joined", "stored"];
    let fish = steps.map(|step| report["fish"][step].as_u64().expect("a number"));
    assert!(
        fish[0] >= 20 && fish.iter().all(|n| *n == fish[0]),
        "{fish:?}"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_model_api_is_away_stored_fish_are_told_as_stored_and_what_is_not_known_with_the_reason()
 {
    let mut running = Running::start().await;
    running.fish_of("salmon:20");
    let stored = running
        .embedded
        .watched()
        .settled(Awaited::Planned(20), Duration::ZERO);
    timeout(LIMIT, stored).await.expect("twenty fish");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let model_url = format!("http://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    let file = running.data.path().join("report.json");
    let args = VerifyArgs {
        model_url: model_url.clone(),
        timeout: 10,
        ..args(&running, &file)
    };
    let verdict = timeout(LIMIT, verify::run(args, running.tasks.shutdown())).await;
    let verdict = verdict.expect("it has a limit of its own");
    verdict.expect_err("of triggers nothing is known");
    let report = report_in(&file);
    assert_eq!(report["fish"]["stored"], 20, "{report}");
    let reasons = report["reasons"].as_array().expect("reasons");
    assert_eq!(reasons[0], "after 10 s still waiting for an answer");
    let unknown = reasons[1].as_str().expect("a text");
    assert!(
        unknown.starts_with(&format!(
            "what became of the triggers is not known: the model API does not answer {model_url}/models"
        )),
        "{unknown}"
    );
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    running.stop().await;
}
