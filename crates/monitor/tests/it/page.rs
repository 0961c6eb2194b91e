//! The page as a snapshot.

use monitor::PartUrl;

use crate::support::{Stage, time};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_a_complete_snapshot_without_other_hosts() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    stage.fish(1..=12, "salmon", live, 0.02).await;
    stage.dead_letter("Length is missing").await;
    monitor.page_with("Length is missing").await;
    let answer = monitor.get("/").await;
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
    assert!(
        !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    let page = answer.text().await.unwrap();
    for text in [
        "Steady",
        "Drift, retraining and recovery",
        "Prediction error by species",
        "data-fish=\"12\"",
        "weight ~ length + height",
        "95 % interval",
        "model server",
        live.as_str(),
    ] {
        assert!(page.contains(text), "{text}");
    }
    // The policy forbids inline scripts and styles.
    for inline in [
        "<style",
        " style=\"",
        " onclick=",
        "javascript:",
        "<script>",
    ] {
        assert!(!page.contains(inline), "{inline}");
    }
    let without_namespace = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    assert!(!without_namespace.contains("://"), "a link to another host");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_monitor_serves_the_font() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let style = monitor.get("/page.css").await.text().await.unwrap();
    for name in ["inter-400.woff2", "inter-600.woff2"] {
        assert!(
            style.contains(&format!("src:url({name}) format('woff2')")),
            "{style}"
        );
        let answer = monitor.get(&format!("/{name}")).await;
        assert_eq!(answer.headers()["content-type"], "font/woff2");
        assert!(answer.bytes().await.unwrap().starts_with(b"wOF2"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_down_is_named_at_the_top() {
    let stage = Stage::new().await;
    let mut config = stage.config();
    config.health = vec![PartUrl {
        name: "the remote part".to_owned(),
        url: "http://127.0.0.1:9/".to_owned(),
    }];
    let page = stage.monitor_with(config).await.page().await;
    let top = page.split("id=\"main\"").next().expect("a header");
    assert!(
        top.contains(r##"<a href="#parts-heading">Down</a>: the remote part</p>"##),
        "{top}"
    );
    let healthy = stage.monitor().await.page_with("1 broker").await;
    assert!(!healthy.contains(">Down</a>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_kafka_the_page_shows_the_last_state() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    stage.fish(1..=1, "salmon", live, 0.02).await;
    let healthy = monitor.page_with("data-fish=\"1\"").await;
    assert!(
        healthy.contains("data-condition=\"steady\">Steady</p>"),
        "{healthy}"
    );
    stage
        .broker
        .cluster(|cluster| cluster.broker_down(1).unwrap());
    let offline = monitor.page_with("Last known: Steady").await;
    assert!(offline.contains(">Down</a>: Kafka"), "{offline}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_table_cell_has_its_column_name() {
    let stage = Stage::new().await;
    let page = stage
        .monitor()
        .await
        .page_with("weight ~ length + height")
        .await;
    for name in [
        "Estimate",
        "Std. error",
        "95 % interval",
        "Waiting",
        "Per second",
    ] {
        let heading = format!("role=\"columnheader\">{name}</th>");
        assert!(page.contains(&heading), "{name}");
        assert!(
            page.contains(&format!("role=\"cell\" data-label=\"{name}\">")),
            "{name}"
        );
    }
    for row in page.split("<tr role=\"row\">").skip(1) {
        let row = row.split("</tr>").next().expect("a row");
        let labels = row.matches("data-label=").count();
        let cells = row.matches("role=\"cell\"").count();
        assert_eq!(labels, cells, "{row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_state_is_a_live_region() {
    let stage = Stage::new().await;
    let page = stage.monitor().await.page().await;
    let connection =
        "<p class=\"connection\" id=\"connection\" role=\"status\" aria-live=\"polite\">";
    assert!(page.contains(connection), "{page}");
    // The script shows it.
    assert!(
        page.contains("id=\"pause\" hidden>Pause</button>"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_another_host_name_are_refused() {
    let stage = Stage::new().await;
    let mut config = stage.config();
    config.allowed_host = vec!["fish.example".to_owned()];
    let monitor = stage.monitor_with(config).await;
    let ask = async |method: &str, path: &str, host: &str| {
        let request = reqwest::Client::new()
            .request(method.parse().unwrap(), format!("{}{path}", monitor.url))
            .header("Host", host)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body("action=activate");
        request.send().await.unwrap().status().as_u16()
    };
    for (method, path) in [("GET", "/"), ("GET", "/events"), ("POST", "/actions")] {
        assert_eq!(ask(method, path, "evil.example:8080").await, 421, "{path}");
    }
    assert_eq!(ask("GET", "/", "fish.example").await, 200);
    assert_eq!(
        ask("POST", "/actions", "fish.example").await,
        400,
        "no version"
    );
    // Health and metrics answer to any name.
    assert_eq!(ask("GET", "/healthz", "monitor:8080").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_error_does_not_break_the_charts() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    stage.fish(1..=1, "salmon", live, -0.5).await;
    stage.fish(2..=2, "salmon", live, 0.02).await;
    let page = monitor.page_with("data-fish=\"2\"").await;
    assert!(page.contains("not weighed yet"));
    assert!(!page.contains("cannot be drawn"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn enter_in_a_field_triggers_no_action() {
    let stage = Stage::new().await;
    let page = stage.monitor().await.page().await;
    let form = page.split("id=\"actions\"").nth(1).expect("a form");
    let first = form.split("<button").nth(1).expect("a button");
    assert!(
        first.starts_with(" type=\"submit\" disabled hidden>"),
        "{first}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_records_is_escaped() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    let species = "<script>alert(1)</script>";
    stage.fish(1..=3, species, live, 0.5).await;
    stage.trigger(live, time(-20), (1, 3)).await;
    stage.dead_letter("<img src=x onerror=alert(2)>").await;
    let page = monitor.page_with("onerror=alert").await;
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert!(!page.contains("<script>") && !page.contains("<img"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drift_is_shown_with_its_cause() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    stage.fish(1..=10, "walleye", live, 0.8).await;
    monitor.page_with("Error rising").await;
    stage.trigger(live, time(-20), (1, 10)).await;
    // The monitor requests the training rows after it has read the trigger.
    let page = monitor
        .page_with("not among the model's training rows")
        .await;
    assert!(page.contains("Drifting"));
    assert!(
        page.contains("65.0 points above 15.0 %"),
        "the distance to the threshold"
    );
    assert!(page.contains("not decided yet"));
    assert!(
        page.contains("walleye, 10 of 10 fish: error 80.0 %"),
        "the species"
    );
    assert!(
        page.contains("mean length 80.0, in the training rows "),
        "the shift"
    );
}
