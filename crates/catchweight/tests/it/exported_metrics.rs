//! What dashboards and alerts ask for is what the running services export.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use catchweight::embedded::Embedded;
use fish_producer::service::Settings;
use report::Ledger;
use service_runtime::{CancellationToken, Tasks};
use tokio::time::{sleep, timeout};

use crate::whole_loop::{LIMIT, fish, pipeline};

/// The project's metrics that the files below a folder name.
fn named_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            named_below(&path, names);
        } else {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let metrics = words.filter(|word| word.starts_with("catchweight_"));
            names.extend(metrics.map(str::to_owned));
        }
    }
}

/// The names of the samples that a service exports.
async fn exported_at(url: &str) -> BTreeSet<String> {
    let answer = reqwest::get(format!("{url}/metrics")).await;
    let text = answer.expect("an answer").text().await.expect("a text");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let names = samples.filter_map(|line| line.split(['{', ' ']).next());
    names.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_in_dashboards_and_alerts_is_exported_once_a_drift_was_retrained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../observability");
    let mut named = BTreeSet::new();
    named_below(&folder, &mut named);
    assert!(named.len() > 20, "only {named:?}");

    let data = tempfile::tempdir().expect("a folder");
    let mut tasks = Tasks::new(CancellationToken::new());
    let stop = tasks.shutdown();
    let settings = pipeline();
    let embedded = Embedded::start(&settings, data.path(), Ledger::default(), &mut tasks);
    let embedded = embedded.await.expect("the pipeline starts");
    timeout(LIMIT, embedded.readiness().ready())
        .await
        .expect("the pipeline is ready");
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let listen: SocketAddr = free.local_addr().expect("an address");
    drop(free);
    // Longer than anybody waits: the machines' metrics end with their plan.
    let machines = Settings {
        simulation: fish("salmon:40,walleye:100000", 1),
        kafka: embedded.kafka().clone(),
        listen,
    };
    tasks.spawn(
        "machines",
        fish_producer::service::run(machines, stop.clone()),
    );

    let mut missing = named.clone();
    let look = async {
        timeout(LIMIT, embedded.watched().observer.first_prediction())
            .await
            .expect("a prediction");
        let machines = format!("http://{listen}");
        while !missing.is_empty() {
            for url in [embedded.model_url(), embedded.predictor_url(), &machines] {
                let exported = exported_at(url).await;
                missing.retain(|name| !exported.contains(name));
            }
            sleep(Duration::from_millis(200)).await;
        }
    };
    let found = timeout(LIMIT / 2, look).await;
    assert!(found.is_ok(), "nobody exports {missing:?}");
    stop.cancel();
    timeout(LIMIT, tasks.join())
        .await
        .expect("all parts end")
        .expect("none fails");
}
