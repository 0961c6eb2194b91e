//! Files and command lines of statements, and the resulting requests.

use std::io::{self, Write};

use clap::Parser;
use serde_json::json;
use service_runtime::{CancellationToken, UsageError};

use crate::recordings::Recording;
use crate::server::{Cli, Server};

const EARLIEST: &str = "SET 'auto.offset.reset'='earliest';";

/// A file with this text, removed when dropped.
fn file(text: &str) -> tempfile::TempPath {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.into_temp_path()
}

#[tokio::test]
async fn a_file_is_one_request_with_its_settings() {
    for (number, expected) in [
        ("601", "Created query with ID CSAS_DIFF_WEIGHT_3\n"),
        ("602", "Cannot add stream `DIFF_WEIGHT`"),
    ] {
        let recording = Recording::read(number);
        let file = file(recording.ksql.as_deref().unwrap());
        let server = Server::start([recording]).await;
        let out = server
            .run(&["--file", file.to_str().unwrap()])
            .await
            .success();
        assert!(out.contains(expected) && out.lines().count() == 4, "{out}");
        let requests = server.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].body["streamsProperties"], json!({}));
    }
}

#[tokio::test]
async fn the_shipped_pipeline_is_one_request_with_its_lines() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ksql/pipeline.sql");
    let server = Server::start([]).await;
    server.run(&["-f", path]).await.error();
    let requests = server.requests();
    assert_eq!((requests.len(), &*requests[0].path), (1, "/ksql"));
    let sent = requests[0].body["ksql"].as_str().unwrap().to_owned();
    assert!(sent.trim_start().starts_with(EARLIEST));
    let file = std::fs::read_to_string(path).unwrap();
    // Each statement is sent unchanged, on its line in the file.
    let sent: Vec<_> = sent.lines().collect();
    for (at, line) in file.lines().enumerate() {
        let is_comment = line.starts_with("--");
        let expected = if is_comment { "" } else { line };
        assert_eq!(sent.get(at).copied().unwrap_or_default(), expected);
    }
}

#[tokio::test]
async fn queries_split_the_requests_and_settings_reach_all() {
    let file = file(
        "SET 'auto.offset.reset'='earliest'; -- before\nSHOW STREAMS;\n\
         SELECT * FROM RETRAIN_WEIGHT;\nUNSET 'auto.offset.reset'; DEFINE x = '1';\nSHOW TABLES;",
    );
    let first = Recording::read("110").of(&format!("{EARLIEST}\nSHOW STREAMS;"));
    let third =
        Recording::read("111").of("UNSET 'auto.offset.reset'; DEFINE x = '1';\nSHOW TABLES;");
    let server = Server::start([first, Recording::read("206"), third]).await;
    server.run(&["-f", file.to_str().unwrap()]).await.success();
    let requests = server.requests();
    let properties: Vec<_> = requests
        .iter()
        .map(|request| &request.body["streamsProperties"])
        .collect();
    let earliest = json!({"auto.offset.reset": "earliest"});
    // The third request resets the property itself.
    assert_eq!(properties, [&json!({}), &earliest, &earliest]);
    let third = requests[2].body["ksql"].as_str().unwrap();
    assert!(third.starts_with("\n\n\nUNSET"), "{third:?}");
}

#[tokio::test]
async fn settings_before_a_query_are_checked_and_kept() {
    let set = Recording::read("031").of(EARLIEST);
    let server = Server::start([Recording::read("004"), set, Recording::read("206")]).await;
    let statements = format!("{EARLIEST} SELECT * FROM RETRAIN_WEIGHT;");
    let out = server.run(&[&statements]).await.success();
    assert!(
        out.starts_with("From now on auto.offset.reset is earliest\n"),
        "{out}"
    );
    let properties = &server.requests()[2].body["streamsProperties"];
    assert_eq!(properties, &json!({"auto.offset.reset": "earliest"}));

    let server = Server::replay(&["006b"]).await;
    let error = server.run(&["SET 'ksql.service.id'='x';"]).await.error();
    assert!(
        error.to_string().contains("prohibited by the KSQL server"),
        "{error}"
    );
    server.requests();
}

#[tokio::test]
async fn a_request_names_the_last_command_before_it() {
    let statements = "PAUSE CTAS_RETRAIN_WEIGHT_5; SELECT * FROM RETRAIN_WEIGHT;";
    let server = Server::replay(&["331", "206"]).await;
    server.run(&[statements]).await.success();
    let requests = server.requests();
    assert_eq!(requests[0].body.get("commandSequenceNumber"), None);
    assert_eq!(requests[1].body["commandSequenceNumber"], 10);
}

#[tokio::test]
async fn an_incomplete_file_is_rejected_before_any_request() {
    let server = Server::start([]).await;
    for (text, expected) in [
        ("SHOW STREAMS;\nSHOW TABLES", "semicolon"),
        ("SHOW STREAMS;\nPRINT 'x;", "line 2"),
        ("-- nothing;", "no statement"),
    ] {
        let file = file(text);
        let error = server.run(&["-f", file.to_str().unwrap()]).await.error();
        assert!(error.is::<UsageError>(), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let error = server.run(&["-f", "no/such/file.sql"]).await.error();
    assert!(error.is::<UsageError>(), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn the_last_semicolon_is_optional_on_a_command_line() {
    for (text, sent) in [
        ("SHOW STREAMS", "SHOW STREAMS;"),
        ("SHOW STREAMS -- all", "SHOW STREAMS -- all\n;"),
    ] {
        let server = Server::start([Recording::read("110").of(sent)]).await;
        server.run(&["-e", text]).await.success();
    }
}

#[tokio::test]
async fn every_request_has_the_credentials() {
    let password = file("open sesame\n");
    let server = Server::replay(&["110", "206"]).await;
    let statements = "SHOW STREAMS; SELECT * FROM RETRAIN_WEIGHT;";
    let password = password.to_str().unwrap();
    let args = ["--user", "Aladdin", "--password-file", password, statements];
    server.run(&args).await.success();
    for request in server.requests() {
        let basic = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        assert_eq!(request.authorization.as_deref(), Some(basic));
    }
}

/// An output whose reader has closed it.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_closed_output_ends_the_command_without_an_error() {
    let server = Server::replay(&["201"]).await;
    let statement = Recording::read("201").ksql.unwrap();
    let args = Cli::parse_from(["ksql", "--server", &server.url, &statement]).ksql;
    let (mut out, mut err) = (Closed, Closed);
    ksql_client::run::run_with(args, CancellationToken::new(), &mut out, &mut err)
        .await
        .unwrap();
}
