//! The runner reads the format of ksqlDB's public test suite.

use serde_json::{Value, json};

use crate::cases;
use crate::run::{Verdict, run};

/// The verdicts of a case over a stream; `case` has the other fields.
fn verdicts(statement: &str, case: Value) -> Vec<Verdict> {
    let create =
        "CREATE STREAM S (ID INT KEY, V INT) WITH (KAFKA_TOPIC='in', VALUE_FORMAT='JSON');";
    let mut test = json!({"name": "a case", "statements": [create, statement]});
    let (test_fields, case) = (test.as_object_mut().unwrap(), case.as_object().unwrap());
    test_fields.extend(case.clone());
    let cases = cases::read(&json!({ "tests": [test] }).to_string()).unwrap();
    cases.iter().map(run).collect()
}

fn is_unsupported(verdicts: &[Verdict]) -> bool {
    matches!(verdicts, [Verdict::Unsupported(_)])
}

fn is_failed(verdicts: &[Verdict]) -> bool {
    matches!(verdicts, [Verdict::Failed(_)])
}

const COPY: &str = "CREATE STREAM OUT AS SELECT ID, V FROM S;";

#[test]
fn names_match_in_lower_case_and_timestamps_are_optional() {
    let case = |value: Value| {
        json!({
            "inputs": [{"topic": "in", "key": 1, "value": {"v": 5}, "timestamp": 7}],
            "outputs": [{"topic": "OUT", "key": 1, "value": value}],
        })
    };
    assert_eq!(verdicts(COPY, case(json!({"v": 5}))), [Verdict::Passed]);
    assert!(is_failed(&verdicts(COPY, case(json!({"V": 6})))));
    assert!(is_failed(&verdicts(COPY, case(json!({"V": 5, "W": null})))));
}

#[test]
fn a_window_is_compared_from_start_to_end() {
    let count = "CREATE TABLE OUT AS SELECT ID, COUNT(*) AS N FROM S WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY ID;";
    let case = |end: i64| {
        json!({
            "inputs": [{"topic": "in", "key": 1, "value": {}, "timestamp": 12_000}],
            "outputs": [{
                "topic": "OUT", "key": 1, "value": {"N": 1}, "timestamp": 12_000,
                "window": {"start": 10_000, "end": end, "type": "time"},
            }],
        })
    };
    assert_eq!(verdicts(count, case(20_000)), [Verdict::Passed]);
    assert!(is_failed(&verdicts(count, case(30_000))));
}

#[test]
fn each_query_reads_all_its_input_before_the_next_one_starts() {
    let twice =
        "CREATE STREAM OUT AS SELECT ID, V FROM S; INSERT INTO OUT SELECT ID, V + 10 AS V FROM S;";
    let input = |key: i32| json!({"topic": "in", "key": key, "value": {"V": key}});
    let output = |key: i32, v: i32| json!({"topic": "OUT", "key": key, "value": {"V": v}});
    let case = json!({
        "inputs": [input(1), input(2)],
        "outputs": [output(1, 1), output(2, 2), output(1, 11), output(2, 12)],
    });
    assert_eq!(verdicts(twice, case), [Verdict::Passed]);
}

#[test]
fn headers_and_the_final_sources_are_compared() {
    let case = |header: &str, schema: &str| {
        json!({
            "inputs": [{"topic": "in", "key": 1, "value": {"V": 5}, "headers": [{"KEY": "a", "VALUE": "IAE="}]}],
            "outputs": [{"topic": "OUT", "key": 1, "value": {"V": 5}, "headers": [{"KEY": "a", "VALUE": header}]}],
            "post": {"sources": [{"name": "OUT", "type": "stream", "schema": schema}]},
        })
    };
    let schema = "ID INT KEY, V INT";
    assert_eq!(verdicts(COPY, case("IAE=", schema)), [Verdict::Passed]);
    assert!(is_failed(&verdicts(COPY, case("IAI=", schema))));
    assert!(is_failed(&verdicts(
        COPY,
        case("IAE=", "ID INT KEY, V BIGINT")
    )));
}

#[test]
fn a_refusal_passes_only_if_one_is_expected() {
    let wrong = "CREATE STREAM OUT AS SELECT ID, NOTHING FROM S;";
    let expected = json!({"expectedException": {"message": "…"}});
    assert_eq!(verdicts(wrong, expected.clone()), [Verdict::Passed]);
    assert!(is_failed(&verdicts(COPY, expected.clone())));
    // ksqlDB may refuse an unsupported statement for another reason.
    let other = "CREATE STREAM OUT AS SELECT ID, HISTOGRAM(V) AS H FROM S;";
    assert!(is_unsupported(&verdicts(other, expected)));
    // ksqlDB accepts what the engine calls invalid.
    let accepted = json!({"inputs": [], "outputs": []});
    assert!(is_failed(&verdicts(wrong, accepted)));
}

#[test]
fn comments_configurations_and_created_topics_are_read() {
    let test = |partitions: u32, config: &str| {
        format!(
            r#"{{
              // A comment with a " in it.
              "tests": [{{
                "name": "a case // no comment", /* a comment
                of two lines */
                "config": ["{config}"],
                "properties": {{"ksql.suppress.enabled": "{{CONFIG}}"}},
                "statements": [
                  "CREATE STREAM S (ID INT KEY, V INT) WITH (KAFKA_TOPIC='in', VALUE_FORMAT='JSON');",
                  "CREATE STREAM OUT WITH (PARTITIONS=4) AS SELECT ID, V FROM S WHERE V <> 1 /* \" */;"
                ],
                "inputs": [], "outputs": [],
                "post": {{"topics": {{"blacklist": ".*", "topics": [
                  {{"name": "OUT", "keyFormat": {{"format": "KAFKA"}}, "partitions": {partitions}}}
                ]}}}}
              }}]
            }}"#
        )
    };
    let verdicts = |text: &str| -> Vec<Verdict> {
        let cases = cases::read(text).unwrap();
        assert!(cases[0].name.starts_with("a case // no comment"));
        cases.iter().map(run).collect()
    };
    assert_eq!(verdicts(&test(4, "true")), [Verdict::Passed]);
    assert!(is_failed(&verdicts(&test(3, "true"))));
    assert!(is_unsupported(&verdicts(&test(4, "false"))));
}

#[test]
fn other_formats_versions_and_settings_are_unsupported() {
    let with = |extra: Value| {
        let mut case = json!({
            "inputs": [{"topic": "in", "key": 1, "value": {"V": 5}}],
            "outputs": [{"topic": "OUT", "key": 1, "value": {"V": 5}}],
        });
        let fields = case.as_object_mut().unwrap();
        fields.extend(extra.as_object().unwrap().clone());
        case
    };
    let format = "CREATE STREAM OUT WITH (VALUE_FORMAT='{FORMAT}') AS SELECT ID, V FROM S;";
    let formats = verdicts(format, with(json!({"format": ["JSON", "AVRO"]})));
    assert!(matches!(
        formats.as_slice(),
        [Verdict::Passed, Verdict::Unsupported(_)]
    ));
    for other in [
        json!({"versions": {"max": "8.1"}}),
        json!({"versions": {"min": "8.3.0"}}),
        json!({"properties": {"ksql.functions.collect_list.limit": "1"}}),
        json!({"properties": {"ksql.suppress.enabled": false}}),
    ] {
        assert!(
            is_unsupported(&verdicts(COPY, with(other.clone()))),
            "{other}"
        );
    }
    let suppress = json!({"properties": {"ksql.suppress.enabled": true}});
    assert_eq!(verdicts(COPY, with(suppress)), [Verdict::Passed]);
    let bounds = json!({"versions": {"min": "5.0", "max": "8.2"}});
    assert_eq!(verdicts(COPY, with(bounds)), [Verdict::Passed]);
    assert_eq!(verdicts(COPY, with(json!({"enabled": false}))), []);
}

#[test]
fn without_the_record_cache_a_jump_in_time_loses_the_window() {
    let last = "CREATE TABLE OUT AS SELECT ID, COUNT(*) AS N FROM S WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY ID EMIT FINAL;";
    let input =
        |seconds: i64| json!({"topic": "in", "key": 1, "value": {}, "timestamp": seconds * 1_000});
    let window = |start: i64| {
        json!({
            "topic": "OUT", "key": 1, "value": {"N": 1},
            "window": {"start": start * 1_000, "end": (start + 10) * 1_000, "type": "time"},
        })
    };
    let inputs = [input(1), input(30), input(41)];
    let lost = json!({"inputs": inputs, "outputs": [window(30)]});
    assert_eq!(verdicts(last, lost), [Verdict::Passed]);
    // The output of the versions that do not lose windows.
    let kept = json!({"inputs": inputs, "outputs": [window(0), window(30)]});
    assert_eq!(verdicts(last, kept), [Verdict::Passed]);
    let other = json!({"inputs": inputs, "outputs": [window(0)]});
    assert!(is_failed(&verdicts(last, other)));
}
