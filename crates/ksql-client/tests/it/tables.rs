//! The output for entities of a real server.

use crate::recordings::Recording;
use crate::server::Server;

async fn shown(number: &str) -> String {
    let recording = Recording::read(number);
    let statement = recording.ksql.clone().unwrap();
    let server = Server::start([recording]).await;
    let shown = server.run(&[&statement]).await.success();
    server.requests();
    shown
}

#[tokio::test]
async fn streams_and_tables_are_aligned() {
    assert_eq!(
        shown("110").await,
        "
Stream Name      | Kafka Topic       | Key Format | Value Format | Windowed
-----------------+-------------------+------------+--------------+---------
PREDICTED_WEIGHT | weight-prediction | KAFKA      | JSON         | false
ACTUAL_WEIGHT    | machine-weight    | KAFKA      | JSON         | false
DIFF_WEIGHT      | weight-diff       | KAFKA      | JSON         | false

"
    );
    assert!(
        shown("111")
            .await
            .contains("RETRAIN_WEIGHT | weight-retrain | KAFKA      | JSON         | true")
    );
    assert!(
        shown("022")
            .await
            .starts_with("\nStream Name | Kafka Topic |")
    );
}

#[tokio::test]
async fn topics_show_their_partitions() {
    let topics = shown("118").await;
    let row = "weight-diff       | 1          | 1                     | 1         | 1\n";
    assert!(topics.contains(row), "{topics}");
    let topics = Recording::read("116");
    let body = r#"[{"@type":"kafka_topics","topics":[{"name":"t","replicaInfo":[3,3,2]}]}]"#;
    let server = Server::start([topics.with(body)]).await;
    let topics = server.run(&["SHOW TOPICS"]).await.success();
    assert!(
        topics.contains("t           | 3          | 3, 3, 2\n"),
        "{topics}"
    );
}

#[tokio::test]
async fn a_query_is_one_line_with_its_complete_text() {
    let queries = shown("112").await;
    let rows: Vec<_> = queries
        .lines()
        .filter(|line| line.starts_with('C'))
        .collect();
    assert_eq!(rows.len(), 2, "{queries}");
    assert!(rows[0].starts_with(
        "CSAS_DIFF_WEIGHT_3    | PERSISTENT | RUNNING:1 | DIFF_WEIGHT    | weight-diff      | CREATE STREAM"
    ));
    assert!(rows[0].ends_with("EMIT CHANGES;") && rows[1].ends_with("EMIT FINAL;"));
}

#[tokio::test]
async fn a_description_lists_fields_with_types_and_key() {
    assert_eq!(
        shown("115").await,
        "
Name             : RETRAIN_WEIGHT
Type             : TABLE
Window           : TUMBLING
Kafka topic      : weight-retrain
Partitions       : 1
Replicas         : 1
Key format       : KAFKA
Value format     : JSON

Field         | Type
--------------+--------------
Key           | STRING (key)
Species       | ARRAY<STRING>
Fish_Id_Start | STRING
Fish_Id_End   | STRING
ErrorAvg      | DOUBLE

For its queries and statistics: DESCRIBE RETRAIN_WEIGHT EXTENDED;

"
    );
}

#[tokio::test]
async fn an_extended_description_has_queries_and_statistics() {
    let described = shown("114").await;
    for part in [
        "\nStatement:\nCREATE STREAM IF NOT EXISTS DIFF_WEIGHT WITH",
        "\nQueries that write it:\nQuery ID           | ",
        "\nQueries that read it:\n",
        "CTAS_RETRAIN_WEIGHT_5 | PERSISTENT",
        "\nNeeded by:\nRETRAIN_WEIGHT\n",
        "_confluent-ksql-default_query_CSAS_DIFF_WEIGHT_3",
    ] {
        assert!(described.contains(part), "{part} is not in: {described}");
    }
    let all = shown("315").await;
    for part in [
        "consumer-failed-messages",
        "STRUCT<`Weight` DOUBLE, `ModelTime` STRING>",
        "ACTUAL_WEIGHT",
    ] {
        assert!(all.contains(part), "{part} is not in: {all}");
    }
}

#[tokio::test]
async fn an_explanation_has_plan_and_topology() {
    let explained = shown("311").await;
    for part in [
        "ID               : CSAS_DIFF_WEIGHT_3",
        "\nExecution plan:\n > [",
        "\nTopology:\nTopologies:\n   Sub-topology: 0",
    ] {
        assert!(explained.contains(part), "{part} is not in: {explained}");
    }
    assert!(shown("314").await.contains("CTAS_RETRAIN_WEIGHT_5"));
}

#[tokio::test]
async fn a_function_is_shown_with_its_arguments() {
    let function = shown("319").await;
    assert!(
        function.contains("\nAS_VALUE(keyColumn T) returns T\n"),
        "{function}"
    );
}

#[tokio::test]
async fn properties_and_functions_are_tables() {
    for (statement, body, row) in [
        (
            "SHOW PROPERTIES;",
            r#"[{"@type":"properties","properties":[{"name":"ksql.service.id","scope":"KSQL","value":"default_"},{"name":"n","scope":"KSQL","value":null}],"overwrittenProperties":[],"defaultProperties":["n"]}]"#,
            "ksql.service.id | KSQL  | default_\nn               | KSQL  |\n",
        ),
        (
            "LIST FUNCTIONS;",
            r#"[{"@type":"function_names","functions":[{"name":"ABS","type":"SCALAR","category":"MATHEMATICAL"}]}]"#,
            "ABS           | SCALAR | MATHEMATICAL\n",
        ),
    ] {
        let recording = Recording::read("110").with(body).of(statement);
        let server = Server::start([recording]).await;
        let shown = server.run(&[statement]).await.success();
        assert!(shown.contains(row), "{shown}");
    }
}

#[tokio::test]
async fn results_of_commands_are_shown_with_warnings() {
    assert_eq!(shown("331").await, "Query paused.\n");
    assert_eq!(
        shown("433").await,
        "Source `COPY_DIFF` (topic: copy-diff) was dropped.\n"
    );
    assert_eq!(
        shown("106").await,
        "Cannot add stream `PREDICTED_WEIGHT`: A stream with the same name already exists.\n"
    );
    let mut entity = Recording::read("331").json();
    entity[0]["warnings"] = serde_json::json!([{"message": "soon\u{1b}[31m"}]);
    let server = Server::start([Recording::read("331").with(&entity.to_string())]).await;
    let shown = server
        .run(&["PAUSE CTAS_RETRAIN_WEIGHT_5;"])
        .await
        .success();
    assert_eq!(shown, "Query paused.\nWarning: soon\\u{1b}[31m\n");
}

#[tokio::test]
async fn an_entity_of_unknown_kind_or_shape_is_shown_as_json() {
    let types = shown("338").await;
    assert!(types.contains("\"@type\": \"type_list\""), "{types}");
    let odd = r#"[{"@type":"streams","streams":"none"}]"#;
    let server = Server::start([Recording::read("110").with(odd)]).await;
    let odd = server.run(&["SHOW STREAMS;"]).await.success();
    assert!(odd.contains("\"streams\": \"none\""), "{odd}");
}

#[tokio::test]
async fn json_is_the_servers_json_one_entity_per_line() {
    for number in ["321", "118", "601"] {
        let recording = Recording::read(number);
        let sent = String::from_utf8(recording.body.concat()).unwrap();
        let statements = recording.ksql.clone().unwrap();
        let server = Server::start([recording]).await;
        let lines = server.run(&["--json", &statements]).await.success();
        let joined = lines.trim_end().replace("}\n{\"@type\"", "},{\"@type\"");
        assert_eq!(format!("[{joined}]"), sent);
    }
}
