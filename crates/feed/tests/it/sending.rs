//! A file on a broker.

use feed::Joined;
use feed::feeder::{Feeder, PaceArgs};
use rdkafka::producer::FutureRecord;
use service_runtime::CancellationToken;
use test_support::{Broker, eventually, within};

use crate::schedules::folder;

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_on_both_topics_with_key_and_event_time() {
    let broker = Broker::with_topics(3, ["ordered", "delivered"]);
    let rows: String = (0..500).map(|n| format!("k{n},1.5,north,{n}\n")).collect();
    let dir = tempfile::tempdir().unwrap();
    let rows = format!("id,distance (km),district,minutes\n{rows}");
    let feed = "[feed]\nfile = \"rows.csv\"\nkey = \"id\"\nskip = 100\n";
    let folder = folder(dir.path(), &rows, feed);
    let kafka = broker.settings();
    let pace = PaceArgs {
        speed: f64::INFINITY,
        start_time: None,
    };
    let feeder = Feeder::bind(&folder, None, pace, &kafka).unwrap();
    let progress = feeder.progress();
    within("the rows are sent", feeder.run(CancellationToken::new()))
        .await
        .unwrap();
    assert_eq!((progress.measured(), progress.actual()), (400, 400));
    let measured = broker.read("ordered", 400).await;
    let actual = broker.read("delivered", 400).await;
    for record in &measured {
        let read = folder
            .definition
            .read_measured(record.value.as_ref().unwrap())
            .unwrap();
        assert_eq!(record.key_text(), read.key);
        assert_eq!(record.timestamp, Some(read.timestamp.as_millis()));
        let other = actual
            .iter()
            .find(|other| other.key_text() == read.key)
            .unwrap();
        assert_eq!(other.partition, record.partition);
        let truth = folder
            .definition
            .read_actual(other.value.as_ref().unwrap())
            .unwrap();
        assert_eq!(format!("k{}", truth.value), read.key);
        assert_eq!(
            truth.timestamp.as_millis() - read.timestamp.as_millis(),
            10_000
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_waits_for_the_rows_that_are_joined() {
    const MAX_UNJOINED: u64 = 5;
    let dir = tempfile::tempdir().unwrap();
    let rows: String = (0..60).map(|n| format!("k{n},1.5,north,{n}\n")).collect();
    let rows = format!("id,distance (km),district,minutes\n{rows}");
    let feed = "[feed]\nfile = \"rows.csv\"\nkey = \"id\"\n";
    let folder = folder(dir.path(), &rows, feed);
    let topics = &folder.definition.topics;
    let names = [&topics.measured, &topics.actual, &topics.rows];
    let broker = Broker::with_topics(3, names.map(String::as_str));
    let kafka = broker.settings();
    let pace = PaceArgs {
        speed: f64::INFINITY,
        start_time: None,
    };
    let feeder = Feeder::bind(&folder, None, pace, &kafka).unwrap();
    let progress = feeder.progress();
    // Rows of an earlier run do not count.
    let row = || FutureRecord::to(&topics.rows).key("k").payload("{}");
    broker.send(row()).await;
    let (joined, limit) =
        Joined::new(&kafka, &topics.rows, MAX_UNJOINED, progress.clone()).unwrap();
    let join = async {
        for joined in 0..60 {
            let next = async || progress.actual() > joined;
            eventually("one more actual value is sent", next).await;
            let sent = progress.actual();
            assert!(
                sent <= joined + MAX_UNJOINED,
                "{sent} sent, {joined} joined"
            );
            broker.send(row()).await;
        }
    };
    let send = feeder.limited_by(limit).run(CancellationToken::new());
    let both = async { tokio::join!(send, join).0 };
    tokio::select! {
        sent = within("all rows are sent", both) => sent.unwrap(),
        never = joined.run() => match never {},
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_cannot_be_joined_are_refused() {
    let broker = Broker::with_topics(3, ["ordered"]);
    broker.create_topic("delivered", 2);
    let dir = tempfile::tempdir().unwrap();
    let rows = "id,distance (km),district,minutes\n1,1,x,1\n";
    let folder = folder(dir.path(), rows, "[feed]\nfile = \"rows.csv\"\n");
    let kafka = broker.settings();
    let pace = PaceArgs {
        speed: f64::INFINITY,
        start_time: None,
    };
    let feeder = Feeder::bind(&folder, None, pace, &kafka).unwrap();
    let error = within("refused", feeder.run(CancellationToken::new()))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("ordered has 3 partitions and delivered has 2"),
        "{error}"
    );
}
