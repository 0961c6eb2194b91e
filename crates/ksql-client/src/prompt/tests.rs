use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use clap::Parser;
use futures::StreamExt;
use tokio::sync::mpsc::UnboundedSender;

use super::*;
use crate::args::KsqlArgs;
use crate::client::Client;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    ksql: KsqlArgs,
}

/// A server whose response to `SELECT` has a header and no end. The request triggers a signal.
#[derive(Clone)]
struct Fake {
    requests: UnboundedSender<String>,
    signals: UnboundedSender<Signal>,
    signal: Signal,
}

async fn answer(State(fake): State<Fake>, request: axum::extract::Request) -> Body {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let text = format!("{} {}", head.uri, String::from_utf8_lossy(&body));
    fake.requests.send(text.clone()).unwrap();
    match head.uri.path() {
        "/query" => {
            fake.signals.send(fake.signal).unwrap();
            let header = r#"[{"header":{"queryId":"q","schema":"`K` STRING"}},"#;
            let header = futures::stream::iter([Ok::<_, io::Error>(Bytes::from(header))]);
            Body::from_stream(header.chain(futures::stream::pending()))
        }
        "/ksql" if text.contains("NOPE") => Body::from(
            r#"[{"@type":"currentStatus","statementText":"DROP STREAM NOPE;",
                "commandStatus":{"status":"ERROR","message":"there is no NOPE"}}]"#,
        ),
        "/ksql" => Body::from("[]"),
        _ => Body::from("true"),
    }
}

/// Enters the lines. Returns the requests, and the output of the prompt without results.
async fn run_prompt(entered: &[&str], signal: Signal) -> (Vec<String>, String) {
    let (request_sender, mut requested) = unbounded_channel();
    let (signal_sender, signals) = unbounded_channel();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let fake = Fake {
        requests: request_sender,
        signals: signal_sender.clone(),
        signal,
    };
    let router = Router::new().fallback(answer).with_state(fake);
    tokio::spawn(async { axum::serve(listener, router).await });

    let (line_sender, lines) = unbounded_channel();
    for line in entered {
        line_sender.send(Ok((*line).to_owned())).unwrap();
    }
    drop(line_sender);
    let args = Cli::parse_from(["ksql", "--server", &server]).ksql;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut session = Session::new(Client::new(&args).unwrap(), false, &mut out);
    let mut input = Input { lines, signals };
    let prompt = prompt_loop(&mut session, &mut input, &mut err);
    tokio::time::timeout(Duration::from_secs(30), prompt)
        .await
        .unwrap()
        .unwrap();
    let mut requests = Vec::new();
    while let Ok(request) = requested.try_recv() {
        requests.push(request);
    }
    (requests, String::from_utf8(err).unwrap())
}

#[tokio::test]
async fn an_interrupt_ends_the_query_but_not_the_prompt() {
    let lines = ["SELECT *", "FROM X EMIT CHANGES;", "SHOW STREAMS;"];
    let (requests, written) = run_prompt(&lines, Signal::Interrupt).await;
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(requests[0].contains(r"SELECT *\nFROM X EMIT CHANGES;"));
    assert!(requests[1].contains("SHOW STREAMS;"));
    assert_eq!(written, "ksql>     > The query was stopped.\nksql> ksql> ");
}

#[tokio::test]
async fn a_termination_ends_the_query_and_the_prompt() {
    let lines = ["SELECT * FROM X EMIT CHANGES;", "SHOW STREAMS;"];
    let (requests, _) = run_prompt(&lines, Signal::Terminate).await;
    assert_eq!(requests.len(), 1, "{requests:?}");
}

/// Lets the other future of `join!` consume the sent input: `join!` polls its futures in turn.
async fn read_once() {
    for _ in 0..2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_interrupt_discards_an_unfinished_statement() {
    let (lines, line_receiver) = unbounded_channel();
    let (signals, signal_receiver) = unbounded_channel();
    let mut input = Input {
        lines: line_receiver,
        signals: signal_receiver,
    };
    let mut err = Vec::new();
    let enter = async {
        lines.send(Ok("SHOW".to_owned())).unwrap();
        read_once().await;
        signals.send(Signal::Interrupt).unwrap();
        read_once().await;
        lines.send(Ok("SHOW TABLES;".to_owned())).unwrap();
    };
    let (text, ()) = tokio::join!(read(&mut input, &mut err), enter);
    assert_eq!(text.unwrap().as_deref(), Some("SHOW TABLES;"));
}

#[tokio::test]
async fn settings_are_sent_with_later_statements() {
    let lines = [
        "SET 'auto.offset.reset'='earliest';",
        "SHOW STREAMS;",
        "UNSET 'auto.offset.reset';",
        "SHOW TABLES;",
    ];
    let (requests, _) = run_prompt(&lines, Signal::Interrupt).await;
    let set = r#""streamsProperties":{"auto.offset.reset":"earliest"}"#;
    assert!(requests[0].starts_with("/is_valid_property/auto.offset.reset"));
    let carried: Vec<_> = requests[1..]
        .iter()
        .map(|text| text.contains(set))
        .collect();
    assert_eq!(carried, [false, true, true, false], "{requests:?}");
}

#[tokio::test]
async fn a_failed_statement_does_not_end_the_prompt() {
    let lines = [
        "DROP STREAM NOPE;",
        "help",
        "SHOW STREAMS;",
        "exit",
        "SHOW TABLES;",
    ];
    let (requests, written) = run_prompt(&lines, Signal::Interrupt).await;
    assert_eq!(requests.len(), 2, "{requests:?}");
    let error = "ksql> error: there is no NOPE\nStatement: DROP STREAM NOPE;\nksql> ";
    assert!(
        written.starts_with(error) && written.contains(HELP),
        "{written}"
    );
}

#[test]
fn a_statement_ends_with_a_semicolon() {
    for complete in ["", "  ", "help", "EXIT ;", "SHOW STREAMS;", "A; B; -- c"] {
        assert!(is_complete(complete), "{complete}");
    }
    for open in [
        "SHOW",
        "helper",
        "SELECT ';",
        "A; B",
        "/* help",
        "A /* ; */",
    ] {
        assert!(!is_complete(open), "{open}");
    }
}
