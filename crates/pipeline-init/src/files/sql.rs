//! The text of the SQL: the shipped one with other names and times.

use pipeline::{Column, Definition, ErrorKind};

use super::names::identifier;
use crate::spans::Spans;

/// Numbers in the SQL that depend on the rows.
#[derive(Clone, Copy, Debug)]
pub struct SqlSettings {
    /// The times.
    pub spans: Spans,
    /// A window with a greater mean error triggers a retraining.
    pub threshold: f64,
}

/// The names of the streams and of the table.
#[derive(Clone, Debug)]
pub struct StreamNames {
    /// The predictions.
    pub predicted: String,
    /// The actual values.
    pub actual: String,
    /// The joined rows.
    pub rows: String,
    /// The triggers.
    pub trigger: String,
}

impl StreamNames {
    /// Names that end in record and target, so that the pipelines of one server differ.
    pub fn of(definition: &Definition) -> Self {
        let (record, target) = (
            identifier(&definition.record),
            identifier(&definition.target().name),
        );
        let end = format!("{record}_{target}");
        Self {
            predicted: format!("PREDICTED_{end}"),
            actual: format!("ACTUAL_{end}"),
            rows: format!("DIFF_{end}"),
            trigger: format!("RETRAIN_{end}"),
        }
    }
}

/// A window with this many rows of levels that the model has not seen triggers a retraining.
const UNSEEN_ROWS: u64 = 3;

/// What the SQL has to count rows of levels that the model has not seen. Everything is empty unless the formula has
/// `(1 | column)`: with few rows of each level, new levels come all the time, and their errors say nothing about a
/// drift.
#[derive(Debug, Default)]
struct UnseenLevels {
    /// The field of the prediction.
    declared: String,
    /// The column of the joined rows.
    selected: String,
    column_comment: &'static str,
    /// An alternative in the trigger's condition, with its `OR`.
    condition: String,
    condition_comment: String,
}

impl UnseenLevels {
    fn of(definition: &Definition) -> Self {
        let field = definition.unseen_field();
        let Some(field) = field.filter(|_| definition.formula.group().is_some()) else {
            return Self::default();
        };
        // A flag for the only category; of several, the list of those with an unseen level.
        let (kind, is_unseen) = match definition.categories().count() {
            1 => ("BOOLEAN", " = TRUE"),
            _ => ("ARRAY<VARCHAR>", "[1] IS NOT NULL"),
        };
        let field = quoted(&field);
        let records = &definition.records;
        Self {
            declared: format!(", {field} {kind}"),
            selected: format!(
                "    CASE WHEN P.\"Prediction\"->{field}{is_unseen} THEN 1 ELSE 0 END AS \"Unseen\",\n"
            ),
            column_comment: "-- \"Unseen\": 1 if the model was not trained on a level of the record. Its interval is wide then, and its error\n-- says little about the model.\n",
            condition: format!(" OR SUM(\"Unseen\") >= {UNSEEN_ROWS}"),
            condition_comment: format!(
                "-- SUM(\"Unseen\"): {UNSEEN_ROWS} {records} of new levels are enough to learn them, whatever their errors.\n"
            ),
        }
    }
}

/// The SQL of a pipeline.
pub fn text(definition: &Definition, names: &StreamNames, settings: SqlSettings) -> String {
    let SqlSettings { spans, threshold } = settings;
    let target = &definition.target().field;
    let key = quoted(&definition.key);
    let actual = format!("A.{}", quoted(target));
    let predicted = format!(r#"P."Prediction"->{}"#, quoted(target));
    let (error, filter, filter_comment, relative) = match definition.error {
        ErrorKind::Relative => (
            format!("ROUND(ABS({predicted} - {actual}) / {actual}, 3)"),
            format!("WHERE {actual} > 0\n"),
            "-- WHERE: with an actual value of zero or less the relative error would be infinite or negative. Such a\n-- record stays on its own topic only.\n",
            "relative to the actual value",
        ),
        ErrorKind::Absolute => (
            format!("ABS({predicted} - {actual})"),
            String::new(),
            "",
            "in the unit of the actual value",
        ),
    };
    let unseen = UnseenLevels::of(definition);
    let errors = format!("AVG(\"Error\") > {threshold} AND COUNT(*) >= 5");
    let having = match unseen.condition.as_str() {
        "" => errors,
        condition => format!("({errors}){condition}"),
    };
    let known_first: Vec<&Column> = definition
        .columns()
        .iter()
        .filter(|column| column.name != definition.target().name)
        .collect();
    let declared: String = known_first
        .iter()
        .map(|column| declaration(column))
        .collect();
    let selected: String = known_first
        .iter()
        .map(|column| format!("    P.{0} AS {0},\n", quoted(&column.field)))
        .collect();
    let (group_declared, group_collected) = match definition.group() {
        Some(group) => (
            declaration(group),
            format!("    COLLECT_SET({0}) AS {0},\n", quoted(&group.field)),
        ),
        None => (String::new(), String::new()),
    };
    let (one, many) = (&definition.record, &definition.records);
    let topics = &definition.topics;
    let StreamNames {
        predicted: predicted_stream,
        actual: actual_stream,
        rows: rows_stream,
        trigger,
    } = names;
    let (start, end) = (
        quoted(&format!("{}_Start", definition.key)),
        quoted(&format!("{}_End", definition.key)),
    );
    format!(
        r#"-- Joins each prediction with the actual value, computes the error, and finds the model versions whose error
-- is too high. ksqlDB and the embedded engine run this same file.

-- By default, a query starts at the newest record and would miss what was predicted or known before the query
-- existed. Keep this line first.
SET 'auto.offset.reset'='earliest';

-- The predictor's output. The record key is the key of the {one}. Names are quoted because the JSON's names are
-- in mixed case.
CREATE STREAM IF NOT EXISTS {predicted_stream} (
    {key} VARCHAR KEY,
{declared}    "Timestamp" VARCHAR,
    "Prediction" STRUCT<{target_name} DOUBLE, "ModelTime" VARCHAR, "ModelVersion" VARCHAR{unseen_declared}>
) WITH (KAFKA_TOPIC='{topic_predicted}', VALUE_FORMAT='JSON');

-- The actual values.
CREATE STREAM IF NOT EXISTS {actual_stream} (
    {key} VARCHAR KEY,
{group_declared}    {target_name} DOUBLE,
    "Timestamp" VARCHAR
) WITH (KAFKA_TOPIC='{topic_actual}', VALUE_FORMAT='JSON');

-- One row for each {one}: predicted value, actual value, and the error, {relative}.
--
-- PARTITIONS is not set, so the topic gets as many partitions as its source.
-- WITHIN: at least twice the longest time from a measurement to its actual value, {longest}. Later values are
-- not joined.
-- GRACE PERIOD: how late a record may arrive to be joined. A shorter period loses {many} if many arrive at once
-- or if a prediction is late because the model or the predictor was down; a longer one needs more disk.
-- "Key_Id" takes the record's key, so that AS_VALUE can put it into the value.
-- "_id" identifies the row wherever it is stored: a row that is delivered twice is stored once.
-- "ModelVersion": a model of another kind may have no version in its answer. The window groups by version, and a group
-- needs a value.
{unseen_column_comment}{filter_comment}CREATE STREAM IF NOT EXISTS {rows_stream} WITH (KAFKA_TOPIC='{topic_rows}', VALUE_FORMAT='JSON') AS
SELECT
    P.{key} AS "Key_Id",
    P.{key} + '@' + A."Timestamp" AS "_id",
    'Key' AS "Key",
    AS_VALUE(P.{key}) AS {key},
{selected}    {predicted} AS {predicted_name},
    {actual} AS {actual_name},
    {error} AS "Error",
{unseen_selected}    P."Prediction"->"ModelTime" AS "ModelTime",
    COALESCE(P."Prediction"->"ModelVersion", P."Prediction"->"ModelTime", 'unversioned') AS "ModelVersion",
    A."Timestamp" AS "Timestamp"
FROM {predicted_stream} P
INNER JOIN {actual_stream} A WITHIN {within} GRACE PERIOD {join_grace} ON P.{key} = A.{key}
{filter}EMIT CHANGES;

-- The trigger: one row per model version and window in which the mean error was above {threshold}.
--
-- SIZE: about {rows_per_window} {many} are in a window.
-- GROUP BY: keeps the errors of an old and a new version apart. The row names the version that erred; a
-- trigger for a version that is no longer live changes nothing.
-- RETENTION: with a shorter one, a closed window can be lost if the next record skips a whole empty window.
-- GRACE PERIOD: rows of several partitions arrive out of order; the window waits this long in event time.
-- COUNT: one odd {one} in a nearly empty window is no reason to retrain.
{unseen_condition_comment}-- EMIT FINAL: one row per window, when it closes, instead of one per {one}.
-- "Key_Version" takes the record's key; AS_VALUE puts the version into the value.
CREATE TABLE IF NOT EXISTS {trigger} WITH (KAFKA_TOPIC='{topic_trigger}', VALUE_FORMAT='JSON') AS
SELECT
    "ModelVersion" AS "Key_Version",
    AS_VALUE("ModelVersion") AS "ModelVersion",
{group_collected}    EARLIEST_BY_OFFSET({key}) AS {start},
    LATEST_BY_OFFSET({key}) AS {end},
    AVG("Error") AS "ErrorAvg",
    COUNT(*) AS {count}
FROM {rows_stream}
WINDOW TUMBLING (SIZE {window}, RETENTION {retention}, GRACE PERIOD {window_grace})
GROUP BY "ModelVersion"
HAVING {having}
EMIT FINAL;
"#,
        target_name = quoted(target),
        topic_predicted = topics.predicted,
        topic_actual = topics.actual,
        topic_rows = topics.rows,
        topic_trigger = topics.trigger,
        predicted_name = quoted(&definition.predicted_field()),
        actual_name = quoted(&definition.actual_field()),
        count = quoted(&definition.count_field()),
        within = spans.within,
        join_grace = spans.join_grace,
        window = spans.window,
        window_grace = spans.window_grace,
        retention = spans.retention,
        rows_per_window = crate::spans::ROWS_PER_WINDOW,
        longest = plain(spans.longest_delay),
        threshold = threshold,
        unseen_declared = unseen.declared,
        unseen_selected = unseen.selected,
        unseen_column_comment = unseen.column_comment,
        unseen_condition_comment = unseen.condition_comment,
    )
}

fn declaration(column: &Column) -> String {
    let kind = if column.is_category() {
        "VARCHAR"
    } else {
        "DOUBLE"
    };
    format!("    {} {kind},\n", quoted(&column.field))
}

/// A name in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A duration in words.
pub fn plain(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    let units = [
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let (unit, name) = units
        .into_iter()
        .find(|(unit, _)| seconds >= *unit)
        .unwrap_or((1, "second"));
    let count = (duration.as_secs_f64() / unit as f64 * 10.0).round() / 10.0;
    let plural = if count == 1.0 { "" } else { "s" };
    format!("{count} {name}{plural}")
}
