//! The live page of a pipeline that loses a part.

use catchweight::embedded::Embedded;
use test_support::eventually_some;

use crate::harness::Running;

/// Loads the page until it contains `text`.
async fn page_with(embedded: &Embedded, text: &str) -> String {
    eventually_some(text, async || {
        let page = reqwest::get(embedded.page_url()).await.expect("an answer");
        let page = page.text().await.expect("a page");
        page.contains(text).then_some(page)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn terminated_queries_are_shown_as_a_standstill() {
    let mut running = Running::start().await;
    running.produce_forever();
    let embedded = &running.embedded;
    let page = page_with(embedded, "data-condition=\"steady\"").await;
    assert!(page.contains("up: the queries run"), "{page}");

    let request = reqwest::Client::new()
        .post(format!("{}/ksql", embedded.ksql_url()))
        .header("Content-Type", "application/json")
        .body(r#"{"ksql":"TERMINATE ALL;"}"#);
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    // Two sources: the list of queries of the engine, and the fish.
    let page = page_with(embedded, "data-condition=\"stalled\"").await;
    let text = "No running SQL query writes weight-diff and weight-retrain";
    assert!(page.contains(text), "{page}");
    assert!(page.contains("down: no query writes weight-diff"), "{page}");
    page_with(embedded, "fish are predicted and weighed but not joined").await;
    running.stop().await;
}
