//! Whether each part is well, by what it says itself over HTTP.

use serde_json::Value;

/// How much of an answer is shown.
const SHOWN: usize = 160;

/// What a part says of itself: that it is well, with what else there is to say, or why it is not.
pub(crate) async fn ask(client: &reqwest::Client, url: &str) -> Result<String, String> {
    let asked = async {
        let answer = client.get(url).send().await?;
        Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
    };
    match asked.await {
        Ok((status, body)) => judge(status.is_success(), &body),
        Err(error) if error.is_connect() => Err("cannot be reached".to_owned()),
        Err(error) => Err(format!("does not answer: {}", error.without_url())),
    }
}

/// What an answer means. ksqlDB answers 200 when it is unhealthy too, and Connect when a task has
/// failed: their bodies count.
fn judge(success: bool, body: &str) -> Result<String, String> {
    let json: Option<Value> = serde_json::from_str(body).ok();
    if let Some(json) = &json {
        if json.get("isHealthy") == Some(&Value::Bool(false)) {
            return Err("says that it is not healthy".to_owned());
        }
        if let Some(failed) = failed(json) {
            return Err(format!("{failed} has failed"));
        }
    }
    let line: String = body
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(SHOWN)
        .collect();
    match (success, json) {
        (true, _) => Ok("ready".to_owned()),
        (false, None) if !line.is_empty() => Err(line),
        (false, _) => Err("says that it is not ready".to_owned()),
    }
}

/// The name next to the first `"state": "FAILED"` of a connector or task.
fn failed(json: &Value) -> Option<String> {
    fn within(json: &Value, name: &str) -> Option<String> {
        match json {
            Value::Object(fields) => {
                if fields.get("state").and_then(Value::as_str) == Some("FAILED") {
                    return Some(name.to_owned());
                }
                fields.iter().find_map(|(field, value)| {
                    let deeper = ["status", "connector", "tasks"].contains(&field.as_str());
                    within(value, if deeper { name } else { field })
                })
            }
            Value::Array(items) => items.iter().find_map(|item| within(item, name)),
            _ => None,
        }
    }
    within(json, "a part")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_answers_200_and_says_that_it_is_not_well_is_not_well() {
        assert!(judge(true, "ready\n").is_ok());
        assert!(judge(true, r#"{"isHealthy":true}"#).is_ok());
        assert!(judge(true, r#"{"isHealthy":false}"#).is_err());
        let connect = r#"{"WeightData":{"status":{"connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"FAILED"}]}}}"#;
        assert_eq!(judge(true, connect), Err("WeightData has failed".into()));
        assert!(judge(true, &connect.replace("FAILED", "RUNNING")).is_ok());
    }

    #[test]
    fn a_part_that_is_not_ready_says_why() {
        assert_eq!(
            judge(false, "waiting for topics\n"),
            Err("waiting for topics".into())
        );
        assert!(judge(false, "").is_err());
    }
}
