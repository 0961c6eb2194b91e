//! `SHOW QUERIES [EXTENDED]` and `EXPLAIN id`.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::entities::describe::window_type;
use crate::entities::entity;
use crate::entities::schema::fields;
use crate::view::View;
use ksql_engine::registry::RegisteredQuery;

/// The name of a query's consumer group in ksqlDB. Queries join no group here.
pub(crate) fn group_id(query: &str) -> String {
    format!("_confluent-ksql-default_query_{query}")
}

/// All persistent queries.
pub(crate) fn list(view: &View, extended: bool, host: &str, sql: &str) -> Value {
    let queries = view.registry.queries().iter();
    if extended {
        let descriptions: Vec<Value> = queries.map(|q| description(view, q, host)).collect();
        return entity("query_descriptions", sql, "queryDescriptions", descriptions);
    }
    let queries: Vec<Value> = queries.map(|query| running(view, query)).collect();
    entity("queries", sql, "queries", queries)
}

/// The entity of `EXPLAIN id`.
pub(crate) fn explain(view: &View, query: &RegisteredQuery, host: &str, sql: &str) -> Value {
    let description = description(view, query, host);
    entity("queryDescription", sql, "queryDescription", description)
}

/// A query in a list.
pub(crate) fn running(view: &View, query: &RegisteredQuery) -> Value {
    let state = view.state(query);
    json!({
        "queryString": view.text_of_query(query),
        "sinks": [query.sink.name],
        "sinkKafkaTopics": [query.sink.topic],
        "id": query.id,
        "statusCount": {state: 1},
        "queryType": "PERSISTENT",
        "state": state,
    })
}

fn description(view: &View, query: &RegisteredQuery, host: &str) -> Value {
    let mut sources: Vec<&str> = query
        .plan
        .sources()
        .map(|source| source.name.as_str())
        .collect();
    sources.sort_unstable();
    let mut overridden = Map::new();
    if query.from_beginning {
        overridden.insert("auto.offset.reset".to_owned(), "earliest".into());
    }
    let mut hosts = Map::new();
    hosts.insert(host.to_owned(), view.state(query).into());
    let errors: Vec<Value> = view
        .failed_queries
        .get(&query.id)
        .map(|message| json!({"timestamp": 0, "errorMessage": message, "type": "USER"}))
        .into_iter()
        .collect();
    json!({
        "id": query.id,
        "statementText": view.text_of_query(query),
        "windowType": window_type(query.sink.window),
        "fields": fields(&query.sink.schema),
        "sources": sources,
        "sinks": [query.sink.name],
        "topology": topology(query),
        "executionPlan": execution_plan(query),
        "overriddenProperties": overridden,
        "ksqlHostQueryStatus": hosts,
        "queryType": "PERSISTENT",
        "queryErrors": errors,
        "tasksMetadata": [],
        "consumerGroupId": group_id(&query.id),
        "state": view.state(query),
    })
}

/// The topics that the query reads and writes.
fn topology(query: &RegisteredQuery) -> String {
    let mut text = "Topologies:\n   Sub-topology: 0\n".to_owned();
    for topic in query.plan.source_topics() {
        let _ = writeln!(text, "    Source: (topics: [{topic}])");
    }
    let _ = writeln!(text, "    Sink: (topic: {})\n", query.sink.topic);
    text
}

/// The plan from the sink to the sources.
fn execution_plan(query: &RegisteredQuery) -> String {
    let mut text = format!(" > [ SINK ] | Schema: {}\n", query.sink.schema);
    for source in query.plan.sources() {
        let _ = writeln!(text, "\t\t > [ SOURCE ] | Schema: {}", source.schema);
    }
    text
}
