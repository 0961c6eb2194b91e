//! Whether the SQL's queries run, from the engine's REST API. An engine without running queries reports
//! that it is healthy.

use std::collections::BTreeMap;

use anyhow::Context;
use pipeline::Topics;
use serde::Deserialize;
use serde_json::json;

/// The state of a query that works.
const RUNNING: &str = "RUNNING";

/// The queries that write a topic of the pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queries {
    /// By topic: id and state of a query that writes it.
    by_topic: BTreeMap<String, (String, String)>,
}

/// An entity of the answer to `SHOW QUERIES`.
#[derive(Deserialize)]
struct Entity {
    #[serde(default)]
    queries: Vec<Query>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    id: String,
    #[serde(default)]
    sink_kafka_topics: Vec<String>,
    #[serde(default)]
    state: String,
}

impl Queries {
    /// Queries the engine at `url`, such as `http://localhost:8088`.
    pub(super) async fn request(client: &reqwest::Client, url: &str) -> anyhow::Result<Self> {
        let url = format!("{}/ksql", url.trim_end_matches('/'));
        let request = client.post(&url).json(&json!({ "ksql": "SHOW QUERIES;" }));
        let answer = request.send().await.map_err(reqwest::Error::without_url)?;
        let answer = answer.error_for_status()?.text().await?;
        let entities = serde_json::from_str(&answer).context("unexpected answer")?;
        Ok(Self::from(entities))
    }

    fn from(entities: Vec<Entity>) -> Self {
        let mut by_topic: BTreeMap<String, (String, String)> = BTreeMap::new();
        for query in entities.into_iter().flat_map(|entity| entity.queries) {
            for topic in query.sink_kafka_topics {
                // If several queries write a topic, one that runs is enough.
                let known = by_topic.get(&topic);
                if known.is_none_or(|(_, state)| state != RUNNING) {
                    by_topic.insert(topic, (query.id.clone(), query.state.clone()));
                }
            }
        }
        Self { by_topic }
    }

    /// The topics of the pipeline that no running query writes.
    pub(crate) fn unwritten<'a>(&self, topics: &'a Topics) -> Vec<&'a str> {
        let runs = |topic: &&str| {
            let found = self.by_topic.get(*topic);
            found.is_some_and(|(_, state)| state == RUNNING)
        };
        let written = [topics.rows.as_str(), topics.trigger.as_str()];
        written.into_iter().filter(|topic| !runs(topic)).collect()
    }

    /// `Ok` if all queries run, otherwise `Err` with the reasons.
    pub(crate) fn health(&self, topics: &Topics) -> Result<String, String> {
        let unwritten = self.unwritten(topics);
        if unwritten.is_empty() {
            return Ok("the queries run".to_owned());
        }
        let reasons = unwritten
            .iter()
            .map(|topic| match self.by_topic.get(*topic) {
                Some((id, state)) => format!("{id}, which writes {topic}, is {state}"),
                None => format!("no query writes {topic}"),
            });
        Err(reasons.collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queries(states: &[(&str, &str)]) -> Queries {
        let queries = states.iter().map(|(topic, state)| {
            json!({"id": format!("Q_{topic}"), "sinks": ["X"], "sinkKafkaTopics": [topic],
                "queryType": "PERSISTENT", "state": state, "statusCount": {*state: 1}})
        });
        let answer = json!([{"@type": "queries", "statementText": "SHOW QUERIES;",
            "queries": queries.collect::<Vec<_>>(), "warnings": []}]);
        Queries::from(serde_json::from_value(answer).expect("an answer"))
    }

    #[test]
    fn an_engine_without_running_queries_is_unhealthy() {
        let (diff, retrain) = ("weight-diff", "weight-retrain");
        for (states, unwritten, health) in [
            (
                vec![(diff, "RUNNING"), (retrain, "RUNNING")],
                vec![],
                Ok("the queries run"),
            ),
            (
                vec![],
                vec![diff, retrain],
                Err("no query writes weight-diff; no query writes weight-retrain"),
            ),
            (
                vec![(diff, "ERROR"), (retrain, "RUNNING")],
                vec![diff],
                Err("Q_weight-diff, which writes weight-diff, is ERROR"),
            ),
        ] {
            let queries = queries(&states);
            let topics = &pipeline::Definition::shipped().topics;
            assert_eq!(queries.unwritten(topics), unwritten);
            let expected = health.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(queries.health(topics), expected);
        }
    }
}
