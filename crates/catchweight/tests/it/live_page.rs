//! The live page of a pipeline from which a part is taken.

use std::time::Duration;

use catchweight::embedded::Embedded;
use tokio::time::{sleep, timeout};

use crate::harness::{LIMIT, Running};

/// Loads the page until it says `text`.
async fn page_with(embedded: &Embedded, text: &str) -> String {
    let looking = async {
        loop {
            let page = reqwest::get(embedded.page_url()).await.expect("an answer");
            let page = page.text().await.expect("a page");
            if page.contains(text) {
                return page;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(LIMIT, looking).await.expect(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_whose_queries_were_terminated_is_not_said_to_be_well() {
    let mut running = Running::start().await;
    running.fish_come();
    let embedded = &running.embedded;
    let page = page_with(embedded, "data-condition=\"steady\"").await;
    assert!(page.contains("up: the queries run"), "{page}");

    let asked = reqwest::Client::new()
        .post(format!("{}/ksql", embedded.ksql_url()))
        .header("Content-Type", "application/json")
        .body(r#"{"ksql":"TERMINATE ALL;"}"#);
    let answer = asked.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    // Both ways by which it is learned: the engine tells its queries, and the fish tell the rest.
    let page = page_with(embedded, "data-condition=\"stalled\"").await;
    let told = "No query of the SQL writes weight-diff and weight-retrain";
    assert!(page.contains(told), "{page}");
    assert!(page.contains("down: no query writes weight-diff"), "{page}");
    page_with(embedded, "fish are predicted and weighed and not joined").await;
    running.stop().await;
}
