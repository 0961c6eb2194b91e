//! `connectors`: creates or updates the connectors of a running Kafka Connect.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use connect_embedded::ConnectorSource;
use pipeline_folder::FolderArgs;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use service_runtime::client::ClientArgs;
use service_runtime::{CancellationToken, UsageError};

use crate::pipeline_files::FileArgs;

/// The pause between two requests to the worker.
const POLL: Duration = Duration::from_millis(500);
/// How long a connector may be reported as failed after a restart.
const RESTART: Duration = Duration::from_secs(15);
/// Variables that the worker itself reads from its environment.
const WORKER_VARIABLES: [&str; 2] = ["KAFKA_BOOTSTRAP_SERVERS", "CONNECT_HOST_NAME"];

/// Settings of `connectors`.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct ConnectorsArgs {
    /// URL of the Connect worker's REST API
    #[arg(long, env = "CONNECT_URL", default_value = "http://127.0.0.1:8083")]
    pub connect_url: String,

    /// Whom to trust.
    #[command(flatten)]
    pub client: ClientArgs,

    /// The pipeline.
    #[command(flatten)]
    pub folder: FolderArgs,

    /// The folder with the connector files [default: connectors/ in the pipeline's folder]
    #[arg(long, value_name = "DIR")]
    pub connectors: Option<PathBuf>,

    /// A folder on the worker's machine with one file for each variable of the connector files. The worker
    /// reads ${env:NAME} from there, with a DirectoryConfigProvider that its settings call `directory`, instead
    /// of its environment; except KAFKA_BOOTSTRAP_SERVERS and CONNECT_HOST_NAME, which stay in its environment
    #[arg(long, env = "CONNECT_VARIABLES", value_name = "DIR")]
    pub variables_folder: Option<String>,

    /// How long to wait until every task runs, in seconds
    #[arg(long, env = "TIMEOUT", default_value_t = 120, value_name = "SECONDS")]
    pub timeout: u64,
}

/// A connector file: the body of `POST /connectors`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Connector {
    name: String,
    config: Map<String, Value>,
}

/// The answer of `GET /connectors/{name}/status`.
#[derive(Deserialize)]
struct Status {
    connector: Part,
    tasks: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    state: String,
    #[serde(default)]
    trace: String,
}

/// Creates or updates each connector that differs from its file, restarts failed ones, and waits until
/// every task is RUNNING. A second call changes nothing.
///
/// # Errors
/// A usage error for a file that cannot be read or that the worker rejects; any other error if a task
/// does not run within the timeout.
pub async fn run(args: ConnectorsArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let files = FileArgs {
        connectors: args.connectors,
        ..FileArgs::default()
    };
    let sources = files.connectors(&args.folder.open()?)?;
    let worker = Worker {
        client: args
            .client
            .builder()?
            .timeout(Duration::from_secs(90)) // a worker answers only after a rebalance
            .build()?,
        url: args.connect_url.trim_end_matches('/').to_owned(),
    };
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    let all = async {
        for source in &sources {
            let connector = read(source, args.variables_folder.as_deref())?;
            let changed = worker.put(&connector, deadline).await?;
            let tasks = worker.running(&connector.name, deadline).await?;
            let what = if changed { "put" } else { "unchanged" };
            writeln!(
                std::io::stdout(),
                "{}: {what}, {tasks} of {tasks} tasks RUNNING",
                connector.name
            )?;
        }
        Ok(())
    };
    tokio::select! {
        outcome = all => outcome,
        () = shutdown.cancelled() => bail!("interrupted before every connector ran"),
    }
}

fn read(source: &ConnectorSource, variables_folder: Option<&str>) -> Result<Connector, UsageError> {
    let text = match variables_folder {
        None => source.text.clone(),
        Some(folder) => {
            let files = format!("${{directory:{folder}:");
            let text = source.text.replace("${env:", &files);
            WORKER_VARIABLES.iter().fold(text, |text, name| {
                text.replace(&format!("{files}{name}}}"), &format!("${{env:{name}}}"))
            })
        }
    };
    serde_json::from_str(&text).map_err(|error| UsageError(format!("{}: {error}", source.origin)))
}

struct Worker {
    client: reqwest::Client,
    url: String,
}

impl Worker {
    /// Creates or updates a connector. Returns false if it was already as in its file.
    async fn put(&self, connector: &Connector, deadline: Instant) -> anyhow::Result<bool> {
        let url = format!("{}/connectors/{}/config", self.url, connector.name);
        let wanted: Map<String, Value> = connector
            .config
            .iter()
            .map(|(key, value)| (key.clone(), Value::String(text(value))))
            .collect();
        let request = || self.client.get(&url);
        let (status, body) = self.answer(request, deadline).await?;
        if status == StatusCode::OK {
            let mut present: Map<String, Value> = serde_json::from_str(&body)?;
            // The worker adds the name from the path.
            present.remove("name");
            if present == wanted {
                return Ok(false);
            }
        }
        let (status, body) = self
            .answer(|| self.client.put(&url).json(&wanted), deadline)
            .await?;
        if !status.is_success() {
            bail!(UsageError(format!(
                "Connect rejects connector `{}` ({status}): {}",
                connector.name,
                message(&body)
            )));
        }
        Ok(true)
    }

    /// Waits until the connector and its tasks are RUNNING and returns the number of tasks. Restarts
    /// failed ones once.
    async fn running(&self, name: &str, deadline: Instant) -> anyhow::Result<usize> {
        let url = format!("{}/connectors/{name}", self.url);
        let mut restarted: Option<Instant> = None;
        loop {
            let status = format!("{url}/status");
            let (code, body) = self.answer(|| self.client.get(&status), deadline).await?;
            // A new connector has no status yet.
            let mut seen = body;
            if code == StatusCode::OK {
                let status: Status = serde_json::from_str(&seen)?;
                let parts = || std::iter::once(&status.connector).chain(&status.tasks);
                if !status.tasks.is_empty() && parts().all(|part| part.state == "RUNNING") {
                    return Ok(status.tasks.len());
                }
                if let Some(failed) = parts().find(|part| part.state == "FAILED") {
                    match restarted {
                        None => {
                            let restart =
                                format!("{url}/restart?includeTasks=true&onlyFailed=true");
                            self.answer(|| self.client.post(&restart), deadline).await?;
                            restarted = Some(Instant::now());
                        }
                        Some(since) if since.elapsed() > RESTART => {
                            bail!("connector `{name}` failed: {}", cause(&failed.trace))
                        }
                        Some(_) => {}
                    }
                }
                let states: Vec<&str> = parts().map(|part| part.state.as_str()).collect();
                seen = states.join(", ");
            }
            if Instant::now() >= deadline {
                bail!("connector `{name}` does not run within the timeout: {seen}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The worker's answer; retries while the worker cannot be reached, starts or rebalances.
    async fn answer(
        &self,
        request: impl Fn() -> reqwest::RequestBuilder,
        deadline: Instant,
    ) -> anyhow::Result<(StatusCode, String)> {
        loop {
            let outcome = async {
                let response = request().send().await?;
                let status = response.status();
                Ok::<_, reqwest::Error>((status, response.text().await?))
            };
            let problem = match outcome.await {
                Ok((status, body))
                    if status != StatusCode::CONFLICT && !status.is_server_error() =>
                {
                    return Ok((status, body));
                }
                Ok((status, body)) => anyhow::anyhow!("{status}: {}", message(&body)),
                Err(error) => error.into(),
            };
            if Instant::now() >= deadline {
                return Err(problem)
                    .with_context(|| format!("Connect at {} does not answer", self.url));
            }
            tracing::debug!(%problem, "retrying the request to Connect");
            tokio::time::sleep(POLL).await;
        }
    }
}

/// A worker stores every value as text.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The `message` of Connect's error body, or the body.
fn message(body: &str) -> String {
    serde_json::from_str::<Value>(body)
        .ok()
        .and_then(|error| Some(error.get("message")?.as_str()?.to_owned()))
        .unwrap_or_else(|| body.to_owned())
}

/// The last cause of a Java stack trace, else its first line.
fn cause(trace: &str) -> &str {
    let last = trace.lines().rfind(|line| line.starts_with("Caused by: "));
    last.or_else(|| trace.lines().next())
        .unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_cause_of_a_stack_trace_is_reported() {
        let trace = "org.apache.kafka.connect.errors.ConnectException: Exiting\n\tat a.b(C.java:1)\n\
                     Caused by: x.Middle: between\n\tat d.e(F.java:2)\n\
                     Caused by: com.mongodb.MongoTimeoutException: Timed out\n\t... 10 more";
        assert_eq!(
            cause(trace),
            "Caused by: com.mongodb.MongoTimeoutException: Timed out"
        );
        assert_eq!(cause("one line"), "one line");
    }

    #[test]
    fn variables_can_be_files_of_the_worker() {
        let source = ConnectorSource {
            origin: "a.json".to_owned(),
            text: r#"{"name": "A", "config": {"uri": "${env:STORE}/a"}}"#.to_owned(),
        };
        let uri = |folder| read(&source, folder).unwrap().config["uri"].clone();
        assert_eq!(uri(None), "${env:STORE}/a");
        let file = "${directory:/run/secrets:STORE}/a";
        assert_eq!(uri(Some("/run/secrets")), file);
        let source = ConnectorSource {
            origin: "b.json".to_owned(),
            text: r#"{"name": "B", "config": {"at": "${env:KAFKA_BOOTSTRAP_SERVERS}"}}"#.to_owned(),
        };
        let address = read(&source, Some("/run/secrets")).unwrap().config["at"].clone();
        assert_eq!(address, "${env:KAFKA_BOOTSTRAP_SERVERS}", "no file");
    }

    #[test]
    fn numbers_and_booleans_are_compared_as_text() {
        assert_eq!(text(&Value::from(60)), "60");
        assert_eq!(text(&Value::from(true)), "true");
        assert_eq!(text(&Value::from("60")), "60");
    }
}
