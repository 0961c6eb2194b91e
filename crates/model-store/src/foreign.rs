//! Values as other writers store them: ids and times that are not texts of this project's form.

use pipeline::EventTime;
use serde_json::Value;

/// The time in a field: a text in any ISO 8601 form (UTC if it has no offset), milliseconds since 1970, or a
/// date of MongoDB.
pub(crate) fn event_time(value: &Value) -> Option<EventTime> {
    match value {
        Value::String(text) => EventTime::from_text(text).ok(),
        Value::Number(number) => {
            let millis = number.as_i64().or_else(|| whole(number.as_f64()?))?;
            EventTime::from_millis(millis).ok()
        }
        Value::Object(fields) => match fields.get("$date")? {
            Value::Object(number) => {
                let millis = number.get("$numberLong")?.as_str()?.parse().ok()?;
                EventTime::from_millis(millis).ok()
            }
            date => event_time(date),
        },
        _ => None,
    }
}

/// The id of a document as text: a text, a number, or the digits of an ObjectId as they are; else the JSON
/// text. `None` if there is no id.
pub(crate) fn row_id(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) if fields.len() == 1 => {
            let id = fields.get("$oid").or_else(|| fields.get("$uuid"));
            let id = id.and_then(Value::as_str).map(str::to_owned);
            Some(id.unwrap_or_else(|| value.to_string()))
        }
        other => Some(other.to_string()),
    }
}

/// A number of a document: plain, or as MongoDB's drivers write the types that JSON lacks.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Object(fields) if fields.len() == 1 => {
            let names = [
                "$numberDecimal",
                "$numberDouble",
                "$numberLong",
                "$numberInt",
            ];
            let text = names.iter().find_map(|name| fields.get(*name));
            text?.as_str()?.parse().ok()
        }
        _ => None,
    }
}

fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_in_any_form() {
        let expected = "2021-06-09T13:39:37.971Z";
        for value in [
            json!(expected),
            json!("2021-06-09T15:39:37.971+02:00"),
            json!("2021-06-09T13:39:37.971"),
            json!("2021-06-09 13:39:37.971"),
            json!("2021-06-09T13:39:37.971499Z"),
            json!(1_623_245_977_971_i64),
            json!(1_623_245_977_971.0),
            json!({ "$date": expected }),
            json!({ "$date": 1_623_245_977_971_i64 }),
            json!({ "$date": { "$numberLong": "1623245977971" } }),
        ] {
            let read = event_time(&value).map(|time| time.to_string());
            assert_eq!(read.as_deref(), Some(expected), "{value}");
        }
        for value in [
            json!("soon"),
            json!(""),
            json!(null),
            json!(1.5),
            json!({}),
            json!([1]),
        ] {
            assert_eq!(event_time(&value), None, "{value}");
        }
    }

    #[test]
    fn ids_are_read_in_any_form() {
        for (value, expected) in [
            (json!("7@t"), "7@t"),
            (json!(7), "7"),
            (
                json!({ "$oid": "60c0c0a9e4b0f5d1c8a1b2c3" }),
                "60c0c0a9e4b0f5d1c8a1b2c3",
            ),
            (
                json!({ "Fish_Id": "7", "Time": 1 }),
                r#"{"Fish_Id":"7","Time":1}"#,
            ),
        ] {
            assert_eq!(row_id(&value).as_deref(), Some(expected));
        }
        assert_eq!(row_id(&Value::Null), None);
    }

    #[test]
    fn numbers_are_read_in_any_form() {
        assert_eq!(number(&json!(4)), Some(4.0));
        assert_eq!(number(&json!({ "$numberDecimal": "4.5" })), Some(4.5));
        assert_eq!(number(&json!("4.5")), None);
    }
}
