//! Problems with single records as entries in a topic, in the shape of ksqlDB's processing log.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::execute::{Header, OutputRecord, Problem, Step};
use crate::plan::{QueryPlan, Stage};

/// The entry for a problem of a query.
pub(crate) fn entry(
    topic: &Arc<str>,
    query: &str,
    plan: &QueryPlan,
    problem: &Problem,
) -> OutputRecord {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
    let message = json!({
        "level": "ERROR",
        "logger": format!("processing.{query}.{}", logger(plan, problem)),
        "time": now,
        "message": message(problem),
    });
    let header = |key: &str, value: String| Header {
        key: key.to_owned(),
        value: Some(value.into_bytes()),
    };
    OutputRecord {
        topic: Arc::clone(topic),
        key: None,
        window_bytes: 0,
        value: Some(message.to_string().into_bytes()),
        timestamp: now,
        headers: Arc::new([
            header("source.topic", problem.topic.to_string()),
            header("source.partition", problem.partition.to_string()),
            header("source.offset", problem.offset.to_string()),
        ]),
    }
}

/// The name of the step in ksqlDB's plans.
fn logger(plan: &QueryPlan, problem: &Problem) -> &'static str {
    let grouped = matches!(plan.stage, Stage::Aggregate(_));
    let is_left = || plan.source_topics().next() == Some(&*problem.topic);
    match problem.step {
        Step::Read if plan.join.is_none() => "KsqlTopic.Source.deserializer",
        Step::Read if is_left() => "KafkaTopic_Left.Source.deserializer",
        Step::Read => "KafkaTopic_Right.Source.deserializer",
        Step::Filter => "WhereFilter",
        Step::JoinKey if is_left() => "LeftSourceKeyed",
        Step::JoinKey => "RightSourceKeyed",
        Step::GroupBy(_) => "Aggregate.GroupBy",
        Step::Argument(_) => "Aggregate.Prepare",
        Step::Having => "Aggregate.HavingFilter",
        Step::Column { .. } if grouped => "Aggregate.Project",
        Step::Column { .. } => "Project",
    }
}

/// A message in one of ksqlDB's types; the fields of the other types are null.
fn message(problem: &Problem) -> Value {
    let place = format!("{}/{}@{}", problem.topic, problem.partition, problem.offset);
    let what = match &problem.step {
        Step::Read => {
            let error = json!({
                "target": "value",
                "errorMessage": format!("{place}: {}", problem.reason),
                "recordB64": null,
                "cause": [],
                "topic": &*problem.topic,
            });
            return of_kind(0, error, Value::Null);
        }
        Step::Filter => "Error evaluating WHERE".to_owned(),
        Step::JoinKey => "Error computing the key of the join".to_owned(),
        Step::GroupBy(index) => format!(
            "Error calculating group-by column with index {index}. \
             The source row will be excluded from the table."
        ),
        Step::Argument(index) => {
            format!("Error computing the argument of the aggregate with index {index}")
        }
        Step::Having => "Error evaluating HAVING".to_owned(),
        Step::Column { name, index } => {
            format!("Error computing expression for column {name} with index {index}")
        }
    };
    let error = json!({
        "errorMessage": format!("{place}: {what}"),
        "record": null,
        "cause": [problem.reason],
    });
    of_kind(1, Value::Null, error)
}

fn of_kind(kind: u8, deserialization: Value, processing: Value) -> Value {
    json!({
        "type": kind,
        "deserializationError": deserialization,
        "recordProcessingError": processing,
        "productionError": null,
        "serializationError": null,
        "kafkaStreamsThreadError": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::registry::Registry;

    /// The entry for a problem of a query.
    fn of(statement: &str, step: Step) -> Value {
        let mut registry = Registry::new(Catalog::assuming(1));
        let source =
            "CREATE STREAM S (ID VARCHAR KEY, V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');";
        registry
            .execute(&format!("{source}{statement}"))
            .expect("supported statements");
        let problem = Problem {
            topic: Arc::from("s"),
            partition: 2,
            offset: 7,
            step,
            reason: "division by zero".to_owned(),
        };
        let plan = &registry.queries()[0].plan;
        let record = entry(&Arc::from("log"), "Q_1", plan, &problem);
        serde_json::from_slice(&record.value.expect("a value")).expect("JSON")
    }

    #[test]
    fn an_entry_has_the_shape_of_ksqldbs_entries() {
        let column = Step::Column {
            name: "R".to_owned(),
            index: 1,
        };
        let failed = of("CREATE STREAM X AS SELECT ID, 1 / V AS R FROM S;", column);
        assert_eq!(failed["level"], "ERROR");
        assert_eq!(failed["logger"], "processing.Q_1.Project");
        assert_eq!(failed["message"]["type"], 1);
        assert_eq!(failed["message"]["deserializationError"], Value::Null);
        assert_eq!(
            failed["message"]["recordProcessingError"],
            json!({
                "errorMessage": "s/2@7: Error computing expression for column R with index 1",
                "record": null,
                "cause": ["division by zero"],
            })
        );
        let unread = of("CREATE STREAM X AS SELECT ID, V FROM S;", Step::Read);
        assert_eq!(
            unread["logger"],
            "processing.Q_1.KsqlTopic.Source.deserializer"
        );
        assert_eq!(unread["message"]["type"], 0);
        assert_eq!(unread["message"]["recordProcessingError"], Value::Null);
        assert_eq!(unread["message"]["deserializationError"]["topic"], "s");
        let grouped = "CREATE TABLE T AS SELECT ID, COUNT(*) AS N FROM S GROUP BY ID HAVING 1 / COUNT(*) > 0;";
        assert_eq!(
            of(grouped, Step::Having)["logger"],
            "processing.Q_1.Aggregate.HavingFilter"
        );
    }
}
