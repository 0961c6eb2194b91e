-- What becomes of predictions once the truth is known: each fish's error, and the model versions
-- whose error is too high. A stock ksqlDB server and the embedded engine run this same file.

-- A query starts at the newest record unless it is told otherwise: what was predicted or weighed
-- before the query had its place in the topics would never be compared. Keep this line first.
SET 'auto.offset.reset'='earliest';

-- What the predictor writes. The record's key is the fish's id; names are quoted because the JSON's
-- are in mixed case.
CREATE STREAM IF NOT EXISTS PREDICTED_WEIGHT (
    "Fish_Id" VARCHAR KEY,
    "Species" VARCHAR,
    "Length" DOUBLE,
    "Height" DOUBLE,
    "Timestamp" VARCHAR,
    "Prediction" STRUCT<"Weight" DOUBLE, "ModelTime" VARCHAR, "ModelVersion" VARCHAR>
) WITH (KAFKA_TOPIC='weight-prediction', VALUE_FORMAT='JSON');

-- What the scale writes.
CREATE STREAM IF NOT EXISTS ACTUAL_WEIGHT (
    "Fish_Id" VARCHAR KEY,
    "Species" VARCHAR,
    "Weight" DOUBLE,
    "Timestamp" VARCHAR
) WITH (KAFKA_TOPIC='machine-weight', VALUE_FORMAT='JSON');

-- One row per fish: predicted, actual, and how far off relative to the actual weight.
--
-- PARTITIONS is absent on purpose: the topic gets as many as its source has.
-- WITHIN: a fish is weighed seconds after it was measured; a minute leaves room.
-- GRACE PERIOD: rows stay joinable for a day. With less, a burst (600 fish at once) or a prediction
-- that comes late, because the model or the predictor was down, loses fish.
-- "Key_Id" takes the record's key, so that AS_VALUE can put the id into the value as "Fish_Id".
-- "_id" is the row's identity wherever it is stored: a row delivered twice is stored once.
-- WHERE: no fish weighs nothing. Relative to zero or less an error is infinite or negative; such a
-- weighing is no truth to hold a prediction against, and stays on its own topic only.
CREATE STREAM IF NOT EXISTS DIFF_WEIGHT WITH (KAFKA_TOPIC='weight-diff', VALUE_FORMAT='JSON') AS
SELECT
    P."Fish_Id" AS "Key_Id",
    P."Fish_Id" + '@' + A."Timestamp" AS "_id",
    'Key' AS "Key",
    AS_VALUE(P."Fish_Id") AS "Fish_Id",
    P."Species" AS "Species",
    P."Length" AS "Length",
    P."Height" AS "Height",
    P."Prediction"->"Weight" AS "PredictedWeight",
    A."Weight" AS "ActualWeight",
    ROUND(ABS(P."Prediction"->"Weight" - A."Weight") / A."Weight", 3) AS "Error",
    P."Prediction"->"ModelTime" AS "ModelTime",
    P."Prediction"->"ModelVersion" AS "ModelVersion",
    A."Timestamp" AS "Timestamp"
FROM PREDICTED_WEIGHT P
INNER JOIN ACTUAL_WEIGHT A WITHIN 1 MINUTE GRACE PERIOD 1 DAY ON P."Fish_Id" = A."Fish_Id"
WHERE A."Weight" > 0
EMIT CHANGES;

-- One row per model version and minute in which its mean error was above 15 %: the trigger.
--
-- Grouped by model version, the errors of an old and a new model are kept apart, and the row says
-- which version erred: a trigger for a version that is no longer live changes nothing.
-- RETENTION: a shorter one can lose a closed window when the next record jumps over a whole empty one.
-- GRACE PERIOD: rows of several partitions are out of order; ten seconds of event time wait for them.
-- COUNT: one odd fish in a nearly empty minute is no reason to retrain.
-- EMIT FINAL: one row per window, when it is closed, rather than one per fish.
-- "Key_Version" takes the record's key; AS_VALUE puts the version into the value.
CREATE TABLE IF NOT EXISTS RETRAIN_WEIGHT WITH (KAFKA_TOPIC='weight-retrain', VALUE_FORMAT='JSON') AS
SELECT
    "ModelVersion" AS "Key_Version",
    AS_VALUE("ModelVersion") AS "ModelVersion",
    COLLECT_SET("Species") AS "Species",
    EARLIEST_BY_OFFSET("Fish_Id") AS "Fish_Id_Start",
    LATEST_BY_OFFSET("Fish_Id") AS "Fish_Id_End",
    AVG("Error") AS "ErrorAvg",
    COUNT(*) AS "Fish"
FROM DIFF_WEIGHT
WINDOW TUMBLING (SIZE 1 MINUTE, RETENTION 1 DAY, GRACE PERIOD 10 SECONDS)
GROUP BY "ModelVersion"
HAVING AVG("Error") > 0.15 AND COUNT(*) >= 5
EMIT FINAL;
