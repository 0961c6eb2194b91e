//! Rows and records of running queries.

use service_runtime::CancellationToken;

use crate::recordings::Recording;
use crate::server::{Output, Server};

#[tokio::test(flavor = "multi_thread")]
async fn rows_beyond_the_limit_are_not_shown() {
    let recording = Recording::read("201");
    let body = String::from_utf8(recording.body.concat()).unwrap();
    let row = body
        .lines()
        .find(|line| line.starts_with(r#"{"row""#))
        .unwrap();
    let more = recording.with(&body.replacen(row, &format!("{row}\n{row}"), 1));
    let server = Server::start([more]).await;
    let select = "SELECT * FROM DIFF_WEIGHT EMIT CHANGES LIMIT 2;";
    let lines = server.run(&["--json", select]).await.success();
    assert_eq!(lines.matches(r#"{"row""#).count(), 2, "{lines}");
    assert!(lines.contains("finalMessage"), "{lines}");
}

#[tokio::test]
async fn rows_are_aligned_below_the_column_names() {
    let server = Server::replay(&["201"]).await;
    let rows = server
        .run(&["SELECT * FROM DIFF_WEIGHT EMIT CHANGES LIMIT 2;"])
        .await
        .success();
    assert_eq!(
        rows,
        "\
Key_Id     | Key        | Fish_Id    | Species    | Length   | Height   | PredictedWeight | ActualWeight | Error    | ModelTime           | Timestamp
-----------+------------+------------+------------+----------+----------+-----------------+--------------+----------+---------------------+---------------
f1         | Key        | f1         | Bream      | 23.2     | 11.52    | 300.0           | 242.0        | 0.24     | 2026-01-01 00:00:00 | A1795412705000
f2         | Key        | f2         | Roach      | 23.2     | 11.52    | 290.0           | 290.0        | 0.0      | 2026-01-01 00:00:00 | A1795412712000
Limit Reached
"
    );
    let requests = server.requests();
    assert_eq!(
        (&*requests[0].method, &*requests[0].path),
        ("POST", "/query")
    );
}

#[tokio::test]
async fn values_are_shown_as_the_server_wrote_them() {
    let server = Server::replay(&["206"]).await;
    let rows = server
        .run(&["SELECT * FROM RETRAIN_WEIGHT;"])
        .await
        .success();
    let lines: Vec<_> = rows.lines().collect();
    assert_eq!(lines.len(), 2 + 11);
    assert!(lines[2].ends_with("| 0.38899999999999996"), "{rows}");
    assert!(
        lines[5].contains(r#"["Bream",null,"12","{\"b\":1"#),
        "{rows}"
    );
    assert!(lines[5].ends_with("3.8461538461538465E27"), "{rows}");
}

#[tokio::test]
async fn tombstones_and_control_characters_are_visible() {
    let body = "[{\"header\":{\"queryId\":\"q\",\"schema\":\"`K` STRING, `N` INTEGER\"}},\n\
        {\"row\":{\"columns\":[\"a\\n\\u001bb\",null],\"tombstone\":true}}]";
    let server = Server::start([Recording::read("206").with(body)]).await;
    let rows = server
        .run(&["SELECT * FROM RETRAIN_WEIGHT;"])
        .await
        .success();
    assert!(
        rows.ends_with("a\\n\\u{1b}b | null   | <deleted>\n"),
        "{rows}"
    );
}

#[tokio::test]
async fn json_rows_are_the_servers_json_one_per_line() {
    let server = Server::replay(&["201"]).await;
    let rows = server
        .run(&["--json", "SELECT * FROM DIFF_WEIGHT EMIT CHANGES LIMIT 2"])
        .await
        .success();
    let lines: Vec<serde_json::Value> = rows
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(serde_json::json!(lines), Recording::read("201").json());
}

#[tokio::test]
async fn a_live_query_shows_rows_at_once_and_can_be_stopped() {
    for (number, row) in [
        ("202", "live1      | 1.0\n"),
        ("302", "key: live2, value: {"),
    ] {
        let recording = Recording::read(number);
        assert!(!recording.ended);
        let statement = recording.ksql.clone().unwrap();
        let server = Server::start([recording]).await;
        let (out, stop) = (Output::default(), CancellationToken::new());
        let args = [statement.as_str()];
        let watch = async {
            out.until(row).await;
            stop.cancel();
        };
        let (outcome, ()) = tokio::join!(server.run_to(&args, &out, &stop), watch);
        outcome.unwrap();
    }
}

#[tokio::test]
async fn stopping_before_the_last_statement_is_an_error() {
    let server = Server::replay(&["202"]).await;
    let (out, stop) = (Output::default(), CancellationToken::new());
    let args = ["SELECT \"Fish_Id\",\"Error\" FROM DIFF_WEIGHT EMIT CHANGES; SHOW STREAMS;"];
    let watch = async {
        out.until("live1").await;
        stop.cancel();
    };
    let (outcome, ()) = tokio::join!(server.run_to(&args, &out, &stop), watch);
    assert!(outcome.unwrap_err().to_string().contains("stopped"));
}

#[tokio::test]
async fn printed_records_are_shown_without_keep_alive_lines() {
    let server = Server::replay(&["301"]).await;
    let printed = server
        .run(&["PRINT 'weight-diff' FROM BEGINNING LIMIT 3"])
        .await
        .success();
    assert_eq!(printed.as_bytes(), Recording::read("301").body.concat());

    let mut recording = Recording::read("302");
    recording.ended = true;
    let server = Server::start([recording]).await;
    let printed = server.run(&["PRINT 'weight-diff';"]).await.success();
    assert!(
        printed.starts_with("Key format: KAFKA_STRING\nValue format: "),
        "{printed}"
    );
    assert!(
        !printed.contains("\n\n") && printed.ends_with("partition: 0\n"),
        "{printed}"
    );
}

#[tokio::test]
async fn an_incomplete_or_failed_response_shows_rows_and_an_error() {
    let header = "[{\"header\":{\"queryId\":\"q\",\"schema\":\"`K` STRING\"}},\n{\"row\":{\"columns\":[\"a\"]}},\n";
    let failure = "{\"errorMessage\":{\"@type\":\"generic_error\",\"error_code\":50000,\"message\":\"the state is gone\"}}]";
    for (end, expected) in [("", "incomplete"), (failure, "the state is gone")] {
        let body = format!("{header}{end}");
        let server = Server::start([Recording::read("206").with(&body)]).await;
        let outcome = server.run(&["SELECT * FROM RETRAIN_WEIGHT;"]).await;
        assert!(outcome.out.ends_with("\na\n"), "{outcome:?}");
        let error = outcome.error().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
