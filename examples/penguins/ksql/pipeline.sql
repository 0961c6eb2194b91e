-- Joins each prediction with the actual value, computes the error, and finds the model versions whose error
-- is too high. ksqlDB and the embedded engine run this same file.

-- By default, a query starts at the newest record and would miss what was predicted or known before the query
-- existed. Keep this line first.
SET 'auto.offset.reset'='earliest';

-- The predictor's output. The record key is the key of the penguin. Names are quoted because the JSON's names are
-- in mixed case.
CREATE STREAM IF NOT EXISTS PREDICTED_PENGUIN_BODY_MASS_G (
    "Row" VARCHAR KEY,
    "species" VARCHAR,
    "island" VARCHAR,
    "bill_length_mm" DOUBLE,
    "bill_depth_mm" DOUBLE,
    "flipper_length_mm" DOUBLE,
    "sex" VARCHAR,
    "year" DOUBLE,
    "Timestamp" VARCHAR,
    "Prediction" STRUCT<"body_mass_g" DOUBLE, "ModelTime" VARCHAR, "ModelVersion" VARCHAR>
) WITH (KAFKA_TOPIC='penguin-predicted', VALUE_FORMAT='JSON');

-- The actual values.
CREATE STREAM IF NOT EXISTS ACTUAL_PENGUIN_BODY_MASS_G (
    "Row" VARCHAR KEY,
    "species" VARCHAR,
    "body_mass_g" DOUBLE,
    "Timestamp" VARCHAR
) WITH (KAFKA_TOPIC='penguin-actual', VALUE_FORMAT='JSON');

-- One row for each penguin: predicted value, actual value, and the error, relative to the actual value.
--
-- PARTITIONS is not set, so the topic gets as many partitions as its source.
-- WITHIN: at least twice the longest time from a measurement to its actual value, 10 seconds. Later values are
-- not joined.
-- GRACE PERIOD: how late a record may arrive to be joined. A shorter period loses penguins if many arrive at once
-- or if a prediction is late because the model or the predictor was down; a longer one needs more disk.
-- "Key_Id" takes the record's key, so that AS_VALUE can put it into the value.
-- "_id" identifies the row wherever it is stored: a row that is delivered twice is stored once.
-- "ModelVersion": a model of another kind may have no version in its answer. The window groups by version, and a group
-- needs a value.
-- WHERE: with an actual value of zero or less the relative error would be infinite or negative. Such a
-- record stays on its own topic only.
CREATE STREAM IF NOT EXISTS DIFF_PENGUIN_BODY_MASS_G WITH (KAFKA_TOPIC='penguin-errors', VALUE_FORMAT='JSON') AS
SELECT
    P."Row" AS "Key_Id",
    P."Row" + '@' + A."Timestamp" AS "_id",
    'Key' AS "Key",
    AS_VALUE(P."Row") AS "Row",
    P."species" AS "species",
    P."island" AS "island",
    P."bill_length_mm" AS "bill_length_mm",
    P."bill_depth_mm" AS "bill_depth_mm",
    P."flipper_length_mm" AS "flipper_length_mm",
    P."sex" AS "sex",
    P."year" AS "year",
    P."Prediction"->"body_mass_g" AS "Predictedbody_mass_g",
    A."body_mass_g" AS "Actualbody_mass_g",
    ROUND(ABS(P."Prediction"->"body_mass_g" - A."body_mass_g") / A."body_mass_g", 3) AS "Error",
    P."Prediction"->"ModelTime" AS "ModelTime",
    COALESCE(P."Prediction"->"ModelVersion", P."Prediction"->"ModelTime", 'unversioned') AS "ModelVersion",
    A."Timestamp" AS "Timestamp"
FROM PREDICTED_PENGUIN_BODY_MASS_G P
INNER JOIN ACTUAL_PENGUIN_BODY_MASS_G A WITHIN 1 MINUTE GRACE PERIOD 1 DAY ON P."Row" = A."Row"
WHERE A."body_mass_g" > 0
EMIT CHANGES;

-- The trigger: one row per model version and window in which the mean error was above 0.15.
--
-- SIZE: about 30 penguins are in a window.
-- GROUP BY: keeps the errors of an old and a new version apart. The row names the version that erred; a
-- trigger for a version that is no longer live changes nothing.
-- RETENTION: with a shorter one, a closed window can be lost if the next record skips a whole empty window.
-- GRACE PERIOD: rows of several partitions arrive out of order; the window waits this long in event time.
-- HAVING: the first model knows only Adelie. Its windows of Adelie and Gentoo stay below 11 %; those of
-- Chinstrap, which are lighter than their bills suggest, are above 20 %.
-- COUNT: one odd penguin in a nearly empty window is no reason to retrain.
-- EMIT FINAL: one row per window, when it closes, instead of one per penguin.
-- "Key_Version" takes the record's key; AS_VALUE puts the version into the value.
CREATE TABLE IF NOT EXISTS RETRAIN_PENGUIN_BODY_MASS_G WITH (KAFKA_TOPIC='penguin-retrain', VALUE_FORMAT='JSON') AS
SELECT
    "ModelVersion" AS "Key_Version",
    AS_VALUE("ModelVersion") AS "ModelVersion",
    COLLECT_SET("species") AS "species",
    EARLIEST_BY_OFFSET("Row") AS "Row_Start",
    LATEST_BY_OFFSET("Row") AS "Row_End",
    AVG("Error") AS "ErrorAvg",
    COUNT(*) AS "Penguin"
FROM DIFF_PENGUIN_BODY_MASS_G
WINDOW TUMBLING (SIZE 1 MINUTE, RETENTION 1 DAY, GRACE PERIOD 10 SECONDS)
GROUP BY "ModelVersion"
HAVING AVG("Error") > 0.15 AND COUNT(*) >= 5
EMIT FINAL;
