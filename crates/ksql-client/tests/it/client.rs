//! The requests themselves.

use std::io::{self, Write};

use service_runtime::CancellationToken;

use crate::recordings::Recording;
use crate::server::Server;

#[tokio::test]
async fn credentials_go_with_every_request() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "open sesame\n").unwrap();
    let server = Server::replay(&["110", "206"]).await;
    let statements = "SHOW STREAMS; SELECT * FROM RETRAIN_WEIGHT;";
    let file = file.to_str().unwrap();
    server
        .run(&["--user", "Aladdin", "--password-file", file, statements])
        .await
        .fine();
    for request in server.requests() {
        let basic = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        assert_eq!(request.authorization.as_deref(), Some(basic));
    }
}

#[tokio::test]
async fn a_last_semicolon_may_be_left_out_on_the_command_line() {
    for (text, sent) in [
        ("SHOW STREAMS", "SHOW STREAMS;"),
        ("SHOW STREAMS -- all", "SHOW STREAMS -- all\n;"),
    ] {
        let mut recording = Recording::read("110");
        recording.ksql = Some(sent.into());
        let server = Server::start([recording]).await;
        server.run(&["-e", text]).await.fine();
    }
}

/// An output whose reader has gone.
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
async fn an_output_that_nobody_reads_any_more_ends_the_command_quietly() {
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        ksql: ksql_client::KsqlArgs,
    }
    let server = Server::replay(&["201"]).await;
    let statement = Recording::read("201").ksql.unwrap();
    let args = Cli::parse_from(["ksql", "--server", &server.url, &statement]).ksql;
    let (mut out, mut err) = (Closed, Closed);
    ksql_client::run::run_with(args, CancellationToken::new(), &mut out, &mut err)
        .await
        .unwrap();
}
