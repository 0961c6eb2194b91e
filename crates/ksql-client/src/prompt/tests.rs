//! The prompt with entered lines and signals in place of a terminal.

use std::collections::VecDeque;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use clap::Parser;
use futures::StreamExt;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;
use crate::args::KsqlArgs;
use crate::client::Client;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    ksql: KsqlArgs,
}

struct Entered(VecDeque<Line>);

impl Entered {
    fn of(lines: impl IntoIterator<Item = &'static str>) -> Self {
        let line = |text: &str| match text {
            "^C" => Line::Interrupted,
            text => Line::Text(text.into()),
        };
        Self(lines.into_iter().map(line).collect())
    }
}

impl Lines for Entered {
    async fn next(&mut self) -> io::Result<Line> {
        Ok(self.0.pop_front().unwrap_or(Line::End))
    }
}

/// Tells each request; a `SELECT` has one row and no end, and its signal comes when it is asked.
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

/// What was requested, and what was told beside results.
async fn conversation(lines: Entered, signal: Signal) -> (Vec<String>, String) {
    let (requests, mut requested) = unbounded_channel();
    let (signals, signalled) = unbounded_channel();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    // The test's own sender keeps the channel open, as the process's signals are.
    let fake = Fake {
        requests,
        signals: signals.clone(),
        signal,
    };
    let router = Router::new().fallback(answer).with_state(fake);
    tokio::spawn(async { axum::serve(listener, router).await });

    let args = Cli::parse_from(["ksql", "--server", &server]).ksql;
    let (mut out, mut err, mut lines) = (Vec::new(), Vec::new(), lines);
    let mut session = Session::new(Client::new(&args).unwrap(), false, &mut out);
    let talk = converse(&mut session, &mut lines, signalled, &mut err);
    tokio::time::timeout(Duration::from_secs(30), talk)
        .await
        .unwrap()
        .unwrap();
    drop(signals);
    let mut requests = Vec::new();
    while let Ok(request) = requested.try_recv() {
        requests.push(request);
    }
    (requests, String::from_utf8(err).unwrap())
}

#[tokio::test]
async fn an_interrupt_ends_the_query_and_the_prompt_goes_on() {
    let lines = Entered::of(["SELECT * FROM X EMIT CHANGES;", "^C", "SHOW STREAMS;"]);
    let (requests, told) = conversation(lines, Signal::Interrupt).await;
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(requests[1].contains("SHOW STREAMS;"));
    assert_eq!(told, "The query is ended.\n");
}

#[tokio::test]
async fn a_termination_ends_the_query_and_the_prompt() {
    let lines = Entered::of(["SELECT * FROM X EMIT CHANGES;", "SHOW STREAMS;"]);
    let (requests, _) = conversation(lines, Signal::Terminate).await;
    assert_eq!(requests.len(), 1, "{requests:?}");
}

#[tokio::test]
async fn what_is_set_at_the_prompt_is_sent_with_what_follows() {
    let lines = Entered::of([
        "SET 'auto.offset.reset'='earliest';",
        "SHOW STREAMS;",
        "UNSET 'auto.offset.reset';",
        "SHOW TABLES;",
    ]);
    let (requests, _) = conversation(lines, Signal::Interrupt).await;
    let set = r#""streamsProperties":{"auto.offset.reset":"earliest"}"#;
    assert!(requests[0].starts_with("/is_valid_property/auto.offset.reset"));
    let carried: Vec<_> = requests[1..]
        .iter()
        .map(|text| text.contains(set))
        .collect();
    assert_eq!(carried, [false, true, true, false], "{requests:?}");
}

#[tokio::test]
async fn a_failure_is_told_and_the_prompt_goes_on_until_exit() {
    let lines = Entered::of([
        "DROP STREAM NOPE;",
        "help",
        "SHOW STREAMS;",
        "exit",
        "SHOW TABLES;",
    ]);
    let (requests, told) = conversation(lines, Signal::Interrupt).await;
    assert_eq!(requests.len(), 2, "{requests:?}");
    let error = "error: there is no NOPE\nStatement: DROP STREAM NOPE;\n";
    assert!(told.starts_with(error) && told.contains("Ctrl-R"), "{told}");
}
