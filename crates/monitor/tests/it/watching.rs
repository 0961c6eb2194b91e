//! What is watched: a pipeline that has run for long, parts, groups.

use messages::topics;
use monitor::PartUrl;

use crate::actions::act;
use crate::support::{Stage, time};

#[tokio::test(flavor = "multi_thread")]
async fn of_a_pipeline_that_has_run_for_long_the_newest_fish_are_shown_and_none_is_missed() {
    let stage = Stage::new().await;
    let live = stage.live_version().await;
    for id in 1..=300 {
        stage.fish(id, "salmon", &live, 0.02).await;
    }
    let mut config = stage.config();
    config.newest = 100;
    let monitor = stage.monitor_with(config).await;
    for id in 301..=310 {
        stage.fish(id, "salmon", &live, 0.02).await;
    }
    // Measured a minute and more before the newest, and lost on its way.
    let lost = r#"{"Fish_Id":"lost","Species":"salmon","Length":80.0,"Height":19.0,"Timestamp":""#;
    let (at, newest) = (time(2 * 310 + 1), time(2 * 360));
    let lost = format!("{lost}{at}\"}}");
    stage
        .write(topics::MACHINE_MEASUREMENT, b"lost", &lost, at)
        .await;
    stage.fish(360, "salmon", &live, 0.02).await;
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
async fn the_model_is_asked_once_for_a_fish_however_long_somebody_looks() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = stage.live_version().await;
    stage.fish(1, "salmon", &live, 0.02).await;
    monitor.page_with("cm: predicted").await;
    for _ in 0..5 {
        // An action, here one that cannot be done, is followed by a look at everything.
        let answer = act(&monitor, &[], "action=activate").await;
        assert_eq!(answer.status(), 400);
    }
    let metrics = reqwest::get(format!("{}/metrics", stage.model_url)).await;
    let metrics = metrics.unwrap().text().await.unwrap();
    let asked = "catchweight_http_requests_total{route=\"/prediction\",status=\"200\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(asked));
    assert_eq!(line, Some("1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_and_groups_are_told_as_they_are() {
    let stage = Stage::new().await;
    let mut config = stage.config();
    config.lag = vec!["nobody:weight-diff".parse().unwrap()];
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
    let page = monitor.page().await;
    let part = |name: &str| {
        let rest = page.split(&format!("<strong>{name}</strong>")).nth(1);
        rest.and_then(|rest| rest.split("</li>").next())
            .expect("a part")
    };
    assert!(part("well").contains("up: ready"));
    assert!(part("away").contains("down: cannot be reached"));
    assert!(part("Kafka").contains("up: 1 broker"));
    assert!(
        page.contains("nothing committed"),
        "the group does not exist"
    );
}
