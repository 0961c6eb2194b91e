//! Long-running pipelines, parts and consumer groups.

use monitor::{Monitor, PartUrl};
use pipeline::topics;
use rdkafka::types::RDKafkaRespErr;
use test_support::eventually;
use tokio::net::TcpListener;

use crate::actions::act;
use crate::support::{Stage, TOKEN, time};

#[tokio::test(flavor = "multi_thread")]
async fn a_late_monitor_shows_only_the_newest_fish() {
    let stage = Stage::new().await;
    let live = &stage.live;
    stage.fish(1..=300, "salmon", live, 0.02).await;
    let mut config = stage.config();
    config.newest = 100;
    let monitor = stage.monitor_with(config).await;
    stage.fish(301..=310, "salmon", live, 0.02).await;
    // Measured more than a minute before the newest fish, and lost.
    let lost = r#"{"Fish_Id":"lost","Species":"salmon","Length":80.0,"Height":19.0,"Timestamp":""#;
    let (at, newest) = (time(2 * 310 + 1), time(2 * 360));
    let lost = format!("{lost}{at}\"}}");
    stage
        .write(topics::MACHINE_MEASUREMENT, b"lost", &lost, at)
        .await;
    stage.fish(360..=360, "salmon", live, 0.02).await;
    assert!(newest > at);
    let page = monitor.page_with("fish lost not predicted").await;
    let missing = page
        .split("Not accounted for")
        .nth(1)
        .expect("missing fish");
    let list = missing.split("</ul>").next().expect("a list");
    assert_eq!(list.matches("<li>").count(), 1, "{list}");
    let measured = page.split("Fish measured").nth(1).expect("a figure");
    let number = measured
        .split("<dd>")
        .nth(1)
        .and_then(|rest| rest.split('<').next());
    let number: u64 = number.expect("a number").parse().expect("a number");
    assert!((111..200).contains(&number), "{number} fish");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prediction_is_requested_once_for_each_fish() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    stage.fish(1..=1, "salmon", live, 0.02).await;
    monitor.page_with("cm: predicted").await;
    for _ in 0..5 {
        // Each action, even without an effect, refreshes everything.
        let token = TOKEN.replace(' ', "+");
        let form = format!("action=activate&version={live}&token={token}");
        let answer = act(&monitor, &[], &form).await;
        assert_eq!(answer.status(), 200);
    }
    let metrics = reqwest::get(format!("{}/metrics", stage.model_url)).await;
    let metrics = metrics.unwrap().text().await.unwrap();
    let requests = "catchweight_http_requests_total{route=\"/prediction\",status=\"200\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(requests));
    assert_eq!(line, Some("1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_and_groups_are_shown() {
    let stage = Stage::new().await;
    let mut config = stage.config();
    config.lag = Some(vec!["nobody:weight-diff".parse().unwrap()]);
    config.health = vec![
        PartUrl {
            name: "well".to_owned(),
            url: format!("{}/healthz", stage.model_url),
        },
        PartUrl {
            name: "away".to_owned(),
            url: "http://127.0.0.1:9/".to_owned(),
        },
    ];
    let monitor = stage.monitor_with(config).await;
    // A page does not wait for all parts.
    eventually("all have answered", async || {
        let page = monitor.page().await;
        page.contains("nothing committed") && !page.contains("no answer yet")
    })
    .await;
    let page = monitor.page().await;
    let part = |name: &str| {
        let rest = page.split(&format!("<strong>{name}</strong>")).nth(1);
        rest.and_then(|rest| rest.split("</li>").next())
            .expect("a part")
    };
    assert!(part("well").contains("up: ready"));
    assert!(part("away").contains("down: cannot be reached"));
    assert!(part("Kafka").contains("up: 1 broker"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_never_answers_delays_nothing_else() {
    let stage = Stage::new().await;
    // Accepts connections, but never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = stage.config();
    config.health = vec![PartUrl {
        name: "silent".to_owned(),
        url: format!("http://{}/", silent.local_addr().unwrap()),
    }];
    let monitor = stage.monitor_with(config).await;
    let page = monitor.page().await;
    // The page did not wait for the timeout.
    assert!(page.contains("<strong>silent</strong><span>no answer yet</span>"));
    let page = monitor.page_with("no answer within 2 s").await;
    assert!(
        page.contains("<strong>model server</strong><span>up: ready"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_and_dead_letters_count_from_the_start() {
    let stage = Stage::new().await;
    let live = &stage.live;
    stage.fish(1..=50, "salmon", live, 0.02).await;
    stage.dead_letter("from the past").await;
    let monitor = stage.monitor().await;
    let dead_letters = "catchweight_dead_letters_total{topic=\"machine-measurement-dlq\"}";
    let page = monitor.page_with("from the past").await;
    assert_eq!(monitor.metric(dead_letters).await, 0.0);
    let row = |page: &str| {
        let rest = page
            .split("<span class=\"topic\">machine-weight</span>")
            .nth(1);
        let row = rest.and_then(|rest| rest.split("</tr>").next());
        row.expect("a row").to_owned()
    };
    let past = row(&page);
    assert!(past.contains(">50</td>"), "{past}");
    assert!(
        past.contains(">0.0</td>") && past.contains(">none yet</td>"),
        "{past}"
    );
    stage.fish(51..=51, "salmon", live, 0.02).await;
    stage.dead_letter("just now").await;
    monitor.page_with("just now").await;
    let page = monitor.page_with("data-fish=\"51\"").await;
    assert!(row(&page).contains(">0.1</td>"), "{}", row(&page));
    assert_eq!(monitor.metric(dead_letters).await, 1.0);
    assert_eq!(
        monitor
            .metric(&dead_letters.replace("machine-measurement", "weight-diff"))
            .await,
        0.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_store_is_an_error_and_creates_no_file() {
    let stage = Stage::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mistyped = folder.path().join("stroe.sqlite");
    let mut config = stage.config();
    config.store = Some(format!("sqlite:{}", mistyped.display()).parse().unwrap());
    let error = Monitor::bind(config).await.err().expect("no monitor");
    let message = format!("{error:#}");
    assert!(
        message.contains("stroe.sqlite") && message.contains("No such file"),
        "{message}"
    );
    assert!(!mistyped.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_may_not_be_read_is_named_by_readiness() {
    let stage = Stage::new().await;
    let denied = |error: RDKafkaRespErr| {
        stage
            .broker
            .cluster(move |cluster| cluster.topic_error(topics::WEIGHT_DIFF, error).unwrap());
    };
    denied(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    let monitor = Monitor::bind(stage.config()).await.unwrap();
    let url = format!("http://127.0.0.1:{}/readyz", monitor.port());
    tokio::spawn(monitor.run(stage.stopping()));
    let readiness = async || reqwest::get(&url).await.unwrap().text().await.unwrap();
    eventually("the reason", async || {
        readiness()
            .await
            .contains("the operation Describe on topic `weight-diff`")
    })
    .await;

    denied(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
    eventually("readiness", async || readiness().await == "ready\n").await;
}
