//! The queries of ksqlDB and the connectors of Connect.

use std::time::Duration;

use anyhow::Context;
use pipeline_folder::Folder;
use pipeline_folder::check::Problem;
use reqwest::Client;
use serde_json::{Value, json};

use super::Findings;

const TIMEOUT: Duration = Duration::from_secs(20);

fn client() -> anyhow::Result<Client> {
    Ok(Client::builder().timeout(TIMEOUT).build()?)
}

/// Checks that queries write the topics of rows and triggers, and that they run.
pub(super) async fn check_queries(
    folder: &Folder,
    url: &str,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let base = url.trim_end_matches('/');
    let body = json!({"ksql": "SHOW QUERIES;", "streamsProperties": {}});
    let request = client()?.post(format!("{base}/ksql")).json(&body);
    let answer = async {
        request
            .send()
            .await?
            .error_for_status()?
            .json::<Value>()
            .await
    };
    let answer = answer
        .await
        .with_context(|| format!("ksqlDB at {url} does not answer (check --ksql)"))?;
    let queries = answer[0]["queries"].as_array().cloned().unwrap_or_default();
    let topics = &folder.definition.topics;
    for (topic, key) in [
        (&topics.rows, "rows.topic"),
        (&topics.trigger, "rows.trigger"),
    ] {
        let writes = |query: &&Value| {
            let sinks = query["sinkKafkaTopics"].as_array();
            sinks.is_some_and(|sinks| sinks.iter().any(|sink| sink.as_str() == Some(topic)))
        };
        let Some(query) = queries.iter().find(writes) else {
            let text = format!(
                "no query writes the topic {topic} ({key}); send the SQL with `catchweight ksql --file`"
            );
            findings.problems.push(Problem::new(url, text));
            continue;
        };
        let id = query["id"].as_str().unwrap_or_default();
        match query["state"].as_str().unwrap_or("unknown") {
            "RUNNING" => findings.seen.push(format!("{id} is RUNNING")),
            state => {
                let text =
                    format!("the query {id}, which writes {topic}, is {state}, expected RUNNING");
                findings.problems.push(Problem::new(url, text));
            }
        }
    }
    Ok(())
}

/// Checks that the connectors are those of the folder and that they run.
pub(super) async fn check_connectors(
    folder: &Folder,
    url: &str,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let base = url.trim_end_matches('/');
    let request = client()?.get(format!("{base}/connectors?expand=status&expand=info"));
    let answer = async {
        request
            .send()
            .await?
            .error_for_status()?
            .json::<Value>()
            .await
    };
    let answer = answer
        .await
        .with_context(|| format!("Connect at {url} does not answer (check --connect)"))?;
    for file in folder.connectors(None)? {
        // A file that is not JSON is among the problems of the files.
        let Ok(wanted) = serde_json::from_str::<Value>(&file.text) else {
            continue;
        };
        let name = wanted["name"].as_str().unwrap_or_default();
        let Some(found) = answer.get(name) else {
            let text = format!(
                "the connector {name} of {} is missing; send it with `catchweight connectors`",
                file.origin
            );
            findings.problems.push(Problem::new(url, text));
            continue;
        };
        let differing = differing_options(&wanted["config"], &found["info"]["config"]);
        if !differing.is_empty() {
            let text = format!(
                "the connector {name} differs from {} in {}",
                file.origin,
                differing.join(", ")
            );
            findings.problems.push(Problem::new(url, text));
        }
        let status = &found["status"];
        let connector = std::iter::once(&status["connector"]);
        let parts = connector.chain(status["tasks"].as_array().into_iter().flatten());
        let states: Vec<&str> = parts
            .map(|part| part["state"].as_str().unwrap_or("unknown"))
            .collect();
        if states.len() > 1 && states.iter().all(|state| *state == "RUNNING") {
            findings.seen.push(format!("{name} is RUNNING"));
        } else {
            let text = format!(
                "the connector {name} and its tasks are {}, expected RUNNING",
                states.join(", ")
            );
            findings.problems.push(Problem::new(url, text));
        }
    }
    Ok(())
}

/// The options of a file that have another value in the worker.
fn differing_options(wanted: &Value, found: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let options = wanted.as_object().into_iter().flatten();
    options
        .filter(|(option, value)| found.get(option.as_str()).map(text) != Some(text(value)))
        .map(|(option, _)| option.clone())
        .collect()
}
