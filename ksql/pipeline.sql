-- The pipeline's drift detection. A ksqlDB server runs this file in the stock stack, the embedded
-- engine runs it in `cargo run`: change a threshold here and both change.

-- Without it a query reads only what comes after its start, and fish measured before are lost.
SET 'auto.offset.reset'='earliest';

-- What the predictor writes: the measurement with the model's answer.
CREATE STREAM IF NOT EXISTS PREDICTED_WEIGHT (
  "Fish_Id" VARCHAR KEY,
  "Species" VARCHAR,
  "Length" DOUBLE,
  "Height" DOUBLE,
  "Timestamp" VARCHAR,
  "Prediction" STRUCT<"Weight" DOUBLE, "ModelTime" VARCHAR, "ModelVersion" VARCHAR>
) WITH (KAFKA_TOPIC='weight-prediction', VALUE_FORMAT='JSON');

-- What the second machine writes: the true weight, ten seconds later.
CREATE STREAM IF NOT EXISTS ACTUAL_WEIGHT (
  "Fish_Id" VARCHAR KEY,
  "Species" VARCHAR,
  "Weight" DOUBLE,
  "Timestamp" VARCHAR
) WITH (KAFKA_TOPIC='machine-weight', VALUE_FORMAT='JSON');

-- One row for each fish: predicted and actual weight, and the relative error.
--  * The key column leaves the value, so the id is selected twice: as the key, and as a value.
--  * `_id` is the row's identity wherever it is stored: delivered twice, it is still one row.
--  * GRACE PERIOD 1 DAY: a fish is joined also when its prediction comes hours after its weight,
--    because the model or the predictor was down. A shorter one loses fish in a burst.
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
  EMIT CHANGES;

-- The trigger: one row for each model version and minute whose mean error is above 15 %.
--  * By version, so that the errors of an old and a new model stay apart and the row names the
--    version that erred.
--  * EMIT FINAL: once, when the minute is closed; GRACE PERIOD: rows that come late still count.
--  * RETENTION: without it a closed window that is followed by an empty one can be lost.
--  * COUNT(*): a handful of fish is no trend.
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
