//! Dashboards and alerts query exactly the metrics that the running services export.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use fish_producer::service::Settings;
use test_support::{PATIENCE, within};
use tokio::time::{sleep, timeout};

use crate::harness::{Running, fish};

/// The texts of the files below a folder, without the tests of the rules.
fn texts_below(folder: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            texts_below(&path, texts);
        } else if !path.to_string_lossy().ends_with(".test.yml") {
            texts.push(std::fs::read_to_string(&path).expect("UTF-8"));
        }
    }
}

/// What a text queries: a metric's name, or `name label value` for a selected series.
fn queried(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // The JSON of a dashboard escapes the quotes of its queries.
    let text = text.replace("\\\"", "\"");
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (at, _) in text.match_indices("catchweight_") {
        let rest = &text[at..];
        let name = rest.split(|c| !word(c)).next().unwrap_or_default();
        found.insert(name.to_owned());
        let selector = rest[name.len()..].strip_prefix('{');
        let Some((selector, _)) = selector.and_then(|rest| rest.split_once('}')) else {
            continue;
        };
        for matcher in selector.split(',') {
            let Some((label, values)) = matcher.split_once('=') else {
                continue;
            };
            let values = values.trim_start_matches('~').trim_matches('"');
            // Negations and patterns select no single series.
            let named = |value: &&str| value.chars().all(|c| word(c) || c == '-');
            if !label.ends_with('!') {
                let values = values.split('|').filter(named);
                found.extend(values.map(|value| format!("{name} {label} {value}")));
            }
        }
    }
    found
}

/// What a service exports, in the same form.
async fn exported_at(url: &str) -> BTreeSet<String> {
    let answer = reqwest::get(format!("{url}/metrics")).await;
    let text = answer.expect("an answer").text().await.expect("a text");
    let mut exported = BTreeSet::new();
    for sample in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = sample.rsplit_once(' ').unwrap_or((sample, ""));
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        exported.insert(name.to_owned());
        for label in labels.trim_end_matches('}').split("\",") {
            if let Some((label, value)) = label.split_once("=\"") {
                let value = value.trim_end_matches('"');
                exported.insert(format!("{name} {label} {value}"));
            }
        }
    }
    exported
}

/// The name of a metric without the suffix of its type.
fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn exported_metrics_are_the_ones_of_dashboards_and_alerts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../observability");
    let mut texts = Vec::new();
    texts_below(&folder, &mut texts);
    let named: BTreeSet<String> = texts.iter().flat_map(|text| queried(text)).collect();
    assert!(named.len() > 40, "only {named:?}");

    let mut running = Running::start().await;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let listen: SocketAddr = free.local_addr().expect("an address");
    drop(free);
    // Longer than the test: the producer's metrics endpoint ends with the plan.
    let machines = Settings {
        folder: pipeline_folder::FolderArgs::default(),
        simulation: fish("salmon:40,walleye:100000", 1),
        kafka: running.embedded.kafka().clone(),
        listen,
    };
    let machines = fish_producer::service::run(machines, running.tasks.shutdown());
    running.tasks.spawn("machines", machines);
    let embedded = &running.embedded;

    let mut missing = named.clone();
    // Only a server with a certificate has it; service-runtime tests it.
    missing.remove("catchweight_certificate_expiry_timestamp_seconds");
    let mut all = BTreeSet::new();
    let query = async {
        let observer = &embedded.view().observer;
        within("a prediction", observer.first_prediction()).await;
        let machines = format!("http://{listen}");
        while !missing.is_empty() {
            let page = embedded.page_url().trim_end_matches('/');
            for url in [
                embedded.model_url(),
                embedded.predictor_url(),
                embedded.ksql_url(),
                &machines,
                page,
            ] {
                let exported = exported_at(url).await;
                missing.retain(|name| !exported.contains(name));
                all.extend(exported);
            }
            sleep(Duration::from_millis(200)).await;
        }
    };
    let found = timeout(PATIENCE, query).await;
    assert!(found.is_ok(), "not exported: {missing:?}");
    let shown: BTreeSet<&str> = named.iter().map(|name| family(name)).collect();
    let unseen: BTreeSet<&str> = all
        .iter()
        .filter(|name| !name.contains(' '))
        .map(|name| family(name))
        .filter(|name| name.starts_with("catchweight_") && !shown.contains(name))
        .collect();
    assert!(
        unseen.is_empty(),
        "on no dashboard and in no alert: {unseen:?}"
    );
    running.stop().await;
}
