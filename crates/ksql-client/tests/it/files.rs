//! Files of statements, and the requests that they become.

use std::path::PathBuf;

use serde_json::json;
use service_runtime::UsageError;

use crate::recordings::Recording;
use crate::server::Server;

struct File {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl File {
    fn of(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("statements.sql");
        std::fs::write(&path, text).unwrap();
        Self {
            path,
            _folder: folder,
        }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

#[tokio::test]
async fn a_file_goes_in_one_request_with_its_set() {
    for (number, told) in [
        ("601", "Created query with ID CSAS_DIFF_WEIGHT_3\n"),
        ("602", "Cannot add stream `DIFF_WEIGHT`"),
    ] {
        let recording = Recording::read(number);
        let file = File::of(recording.ksql.as_deref().unwrap());
        let server = Server::start([recording]).await;
        let out = server.run(&["--file", file.path()]).await.fine();
        assert!(out.contains(told) && out.lines().count() == 4, "{out}");
        let requests = server.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].body["streamsProperties"], json!({}));
    }
}

#[tokio::test]
async fn the_shipped_pipeline_is_one_request_of_five_statements() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ksql/pipeline.sql");
    let server = Server::start([]).await;
    server.run(&["-f", path]).await.error();
    let requests = server.requests();
    assert_eq!((requests.len(), &*requests[0].path), (1, "/ksql"));
    let sent = requests[0].body["ksql"].as_str().unwrap().to_owned();
    assert!(
        sent.trim_start()
            .starts_with("SET 'auto.offset.reset'='earliest';")
    );
    let file = std::fs::read_to_string(path).unwrap();
    // Each statement is sent as it is, on the line where it stands in the file.
    let sent: Vec<_> = sent.lines().collect();
    for (at, line) in file.lines().enumerate() {
        let is_comment = line.starts_with("--");
        assert_eq!(
            sent.get(at).copied().unwrap_or_default(),
            if is_comment { "" } else { line }
        );
    }
}

#[tokio::test]
async fn queries_part_the_requests_and_settings_reach_them_all() {
    let file = File::of(
        "SET 'auto.offset.reset'='earliest'; -- before\nSHOW STREAMS;\n\
         SELECT * FROM RETRAIN_WEIGHT;\nUNSET 'auto.offset.reset'; DEFINE x = '1';\nSHOW TABLES;",
    );
    let mut first = Recording::read("110");
    first.ksql = Some("SET 'auto.offset.reset'='earliest';\nSHOW STREAMS;".into());
    let mut third = Recording::read("111");
    third.ksql = Some("UNSET 'auto.offset.reset'; DEFINE x = '1';\nSHOW TABLES;".into());
    let server = Server::start([first, Recording::read("206"), third]).await;
    server.run(&["-f", file.path()]).await.fine();
    let requests = server.requests();
    let properties: Vec<_> = requests
        .iter()
        .map(|seen| &seen.body["streamsProperties"])
        .collect();
    let earliest = json!({"auto.offset.reset": "earliest"});
    // The third request takes it back in its body.
    assert_eq!(properties, [&json!({}), &earliest, &earliest]);
    let third = requests[2].body["ksql"].as_str().unwrap();
    assert!(third.starts_with("\n\n\nUNSET"), "{third:?}");
}

#[tokio::test]
async fn settings_alone_are_checked_and_then_kept() {
    let mut set = Recording::read("031");
    set.ksql = Some("SET 'auto.offset.reset'='earliest';".into());
    let server = Server::start([Recording::read("004"), set, Recording::read("206")]).await;
    let out = server
        .run(&["SET 'auto.offset.reset'='earliest'; SELECT * FROM RETRAIN_WEIGHT;"])
        .await;
    // Settings right before a query are a request of their own.
    let out = out.fine();
    assert!(
        out.starts_with("From now on auto.offset.reset is earliest\n"),
        "{out}"
    );
    let requests = server.requests();
    assert_eq!(
        requests[2].body["streamsProperties"],
        json!({"auto.offset.reset": "earliest"})
    );

    let server = Server::replay(&["006b"]).await;
    let error = server
        .run(&["SET 'ksql.service.id'='x';"])
        .await
        .error()
        .to_string();
    assert!(error.contains("prohibited by the KSQL server"), "{error}");
    server.requests();
}

#[tokio::test]
async fn a_later_request_names_the_last_command_of_an_earlier_one() {
    let statements = "PAUSE CTAS_RETRAIN_WEIGHT_5; SELECT * FROM RETRAIN_WEIGHT;";
    let server = Server::replay(&["331", "206"]).await;
    server.run(&[statements]).await.fine();
    let requests = server.requests();
    assert_eq!(requests[0].body.get("commandSequenceNumber"), None);
    assert_eq!(requests[1].body["commandSequenceNumber"], 10);
}

#[tokio::test]
async fn a_file_that_is_not_whole_is_refused_before_anything_is_sent() {
    let server = Server::start([]).await;
    for (text, told) in [
        ("SHOW STREAMS;\nSHOW TABLES", "semicolon"),
        ("SHOW STREAMS;\nPRINT 'x;", "line 2"),
        ("-- nothing;", "no statement"),
    ] {
        let file = File::of(text);
        let error = server.run(&["-f", file.path()]).await.error();
        assert!(
            error.is::<UsageError>() && error.to_string().contains(told),
            "{error}"
        );
    }
    let error = server.run(&["-f", "no/such/file.sql"]).await.error();
    assert!(error.is::<UsageError>(), "{error}");
    assert!(server.requests().is_empty());
}
