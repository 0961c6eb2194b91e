//! Failures, and waiting for commands and servers.

use std::time::Duration;

use ksql_client::Error;
use service_runtime::cli::exit_code;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::recordings::Recording;
use crate::server::{Outcome, Server};

#[tokio::test]
async fn a_rejection_has_the_servers_message_and_the_statement() {
    for (number, message) in [
        (
            "109",
            "Cannot add stream 'PREDICTED_WEIGHT': A stream with the same name already exists",
        ),
        (
            "210",
            "Line: 1, Col: 8: SELECT column 'FISH_ID' cannot be resolved.",
        ),
        ("211", "NOPE does not exist."),
        ("212", "\"FROM\" is a reserved keyword"),
        ("305", "Could not find topic 'nope'"),
        ("313", "Query with id:NOPE does not exist"),
        ("326", "You need to drop them before dropping DIFF_WEIGHT."),
        ("327", "Unknown queryId: NOPE"),
        ("337", "Connect to http://localhost:8083"),
    ] {
        let recording = Recording::read(number);
        let (statement, reply) = (recording.ksql.clone().unwrap(), recording.json());
        let server = Server::start([recording]).await;
        let outcome = server.run(&[&statement]).await;
        assert_eq!(outcome.out, "");
        let error = outcome.error();
        let text = error.to_string();
        assert!(text.contains(message), "{text}");
        if let Some(statement) = reply["statementText"].as_str() {
            assert!(text.contains(statement), "{text}");
        }
        let exit_code = format!("{:?}", exit_code(Err(error)));
        assert_eq!(exit_code, format!("{:?}", std::process::ExitCode::from(1)));
    }
}

#[tokio::test]
async fn a_syntax_error_names_the_statement_at_its_line() {
    let server = Server::replay(&["322"]).await;
    let error = server
        .run(&["SHOW STREAMS; SHOW BANANAS;"])
        .await
        .error()
        .to_string();
    // Both statements are on the line in the server's message.
    assert!(
        error.ends_with("\nStatement: SHOW STREAMS; SHOW BANANAS;"),
        "{error}"
    );

    let statements = "SHOW STREAMS;\n\nSHOW\nBANANAS;";
    let recording = Recording::read("322").of(statements);
    let mut reply = recording.json();
    reply["message"] = "line 4:1: Syntax Error".into();
    reply["statementText"] = statements.into();
    let server = Server::start([recording.with(&reply.to_string())]).await;
    let error = server.run(&[statements]).await.error().to_string();
    assert_eq!(error, "line 4:1: Syntax Error\nStatement: SHOW\nBANANAS;");
}

#[tokio::test]
async fn results_before_a_failed_statement_are_shown() {
    let mut reply = Recording::read("326").json();
    reply["entities"] = Recording::read("331").json();
    let server = Server::start([Recording::read("326").with(&reply.to_string())]).await;
    let outcome = server.run(&["DROP STREAM DIFF_WEIGHT;"]).await;
    assert_eq!(outcome.out, "Query paused.\n");
    outcome.error();
}

/// Recording 323 with another status of its command.
fn created_with(status: &str, message: &str) -> Recording {
    let recording = Recording::read("323");
    let mut reply = recording.json();
    reply[0]["commandStatus"] =
        serde_json::json!({"status": status, "message": message, "queryId": null});
    recording.with(&reply.to_string())
}

fn status_of_copy(body: Option<&str>) -> Recording {
    let mut recording = Recording::read("334");
    recording.path = "/status/stream/%60COPY_DIFF%60/create".into();
    match body {
        Some(body) => recording.with(body),
        None => recording,
    }
}

#[tokio::test]
async fn an_accepted_command_is_polled_until_it_is_executed() {
    let statements = Recording::read("323").ksql.unwrap();
    let executing = r#"{"status":"EXECUTING","message":"Executing statement","queryId":null}"#;
    let exchanges = || {
        [
            created_with("QUEUED", "Statement written to command topic"),
            status_of_copy(Some(executing)),
            status_of_copy(None),
        ]
    };
    let server = Server::start(exchanges()).await;
    let out = server.run(&[&statements]).await.success();
    assert_eq!(out, "Created query with ID CSAS_DIFF_WEIGHT_3\n");
    server.requests();

    let server = Server::start(exchanges()).await;
    let out = server.run(&["--json", &statements]).await.success();
    let line: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(line["commandStatus"]["status"], "SUCCESS");
}

#[tokio::test]
async fn a_command_can_fail_at_once_or_later() {
    let statements = Recording::read("323").ksql.unwrap();
    let failed = r#"{"status":"ERROR","message":"the topic is gone","queryId":null}"#;
    for exchanges in [
        vec![created_with("ERROR", "the topic is gone")],
        vec![created_with("EXECUTING", "…"), status_of_copy(Some(failed))],
    ] {
        let server = Server::start(exchanges).await;
        let error = server.run(&[&statements]).await.error().to_string();
        assert!(
            error.starts_with("the topic is gone\nStatement: CREATE STREAM"),
            "{error}"
        );
        server.requests();
    }
}

#[tokio::test]
async fn only_wait_waits_for_a_starting_server() {
    let starting = || Recording::read("502");
    let server = Server::start([starting()]).await;
    let error = server.run(&["SHOW STREAMS;"]).await.error();
    assert!(error.to_string().contains("not yet ready"), "{error}");

    // The server may answer GET /info before it executes statements.
    let server = Server::replay(&["500", "001", "502", "502", "110"]).await;
    let out = server.run(&["--wait=30", "SHOW STREAMS;"]).await.success();
    assert!(out.contains("DIFF_WEIGHT"));
    server.requests();
}

#[tokio::test]
async fn wait_retries_an_absent_server_up_to_the_limit() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut absent = Server::start([]).await;
    absent.url = format!("http://{address}");
    let error = absent.run(&["SHOW STREAMS;"]).await.error();
    assert!(
        matches!(error.downcast_ref(), Some(Error::Unreachable { .. })),
        "{error}"
    );
    let error = absent.run(&["--wait=1", "SHOW STREAMS;"]).await.error();
    assert!(error.to_string().contains("refused"), "{error}");

    let run = absent.run(&["--wait=30", "SHOW STREAMS;"]);
    let begin = async {
        // The server answers eventually, whether or not the first attempt is refused.
        tokio::task::yield_now().await;
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        Server::start_on(listener, ["001", "110"].map(Recording::read))
    };
    let (outcome, server) = tokio::join!(run, begin);
    assert!(outcome.success().contains("DIFF_WEIGHT"));
    server.requests();
}

#[tokio::test]
async fn a_rejected_statement_is_not_sent_again() {
    let server = Server::replay(&["001", "327"]).await;
    server.run(&["--wait=30", "TERMINATE NOPE;"]).await.error();
    assert_eq!(server.requests().len(), 2);
}

/// A forwarded port: drops the first connection. With `info`, answers the second one and drops the
/// third. Later connections reach a server.
async fn behind_a_forwarded_port(info: Option<Recording>, then: &[&str]) -> (Outcome, Server) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut server = Server::start([]).await;
    server.url = format!("http://{}", listener.local_addr().unwrap());
    let run = server.run(&["--wait=30", "SHOW STREAMS;"]);
    let port = async {
        drop(listener.accept().await.unwrap());
        if let Some(info) = info {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(connection.read(&mut request).await.unwrap() > 0);
            let body = String::from_utf8(info.body.concat()).unwrap();
            let reply = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
            connection.write_all(reply.as_bytes()).await.unwrap();
            drop(connection);
            drop(listener.accept().await.unwrap());
        }
        let recordings = then.iter().map(|number| Recording::read(number));
        Server::start_on(listener, recordings)
    };
    tokio::join!(run, port)
}

#[tokio::test]
async fn a_dropped_get_is_repeated_but_not_a_dropped_statement() {
    let (outcome, server) = behind_a_forwarded_port(None, &["001", "110"]).await;
    assert!(outcome.success().contains("DIFF_WEIGHT"));
    server.requests();

    let (outcome, server) = behind_a_forwarded_port(Some(Recording::read("001")), &[]).await;
    let error = outcome.error();
    assert!(
        matches!(error.downcast_ref(), Some(Error::Dropped { .. })),
        "{error}"
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_an_error() {
    let mut silent = Recording::read("110");
    (silent.body, silent.ended) = (Vec::new(), false);
    let server = Server::start([silent]).await;
    let run = server.run(&["--timeout", "1", "SHOW STREAMS;"]);
    let outcome = tokio::time::timeout(Duration::from_secs(20), run)
        .await
        .unwrap();
    let error = outcome.error();
    assert!(
        matches!(
            error.downcast_ref(),
            Some(Error::Timeout { seconds: 1, .. })
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_of_another_kind_is_an_error() {
    let mut page = Recording::read("110").with("<html>hello</html>");
    for status in [200, 404] {
        page.status = status;
        let server = Server::start([page.clone()]).await;
        let error = server.run(&["SHOW STREAMS;"]).await.error().to_string();
        let expected = "does not answer like a ksqlDB server";
        assert!(error.contains(expected), "{error}");
        assert!(error.ends_with("<html>hello</html>"), "{error}");
    }
}
