//! The health of a part, from its HTTP endpoint.

use serde_json::Value;

/// Maximum number of characters shown of an answer.
const SHOWN: usize = 160;

/// `Ok` with a short text if the part is healthy, otherwise `Err` with the reason.
pub(super) async fn check(client: &reqwest::Client, url: &str) -> Result<String, String> {
    let request = async {
        let answer = client.get(url).send().await?;
        Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
    };
    match request.await {
        Ok((status, body)) => judge(status.is_success(), &body),
        Err(error) if error.is_connect() => Err("cannot be reached".to_owned()),
        Err(error) => Err(format!("does not answer: {}", error.without_url())),
    }
}

/// The body counts too: ksqlDB answers 200 even if it is unhealthy, and Connect even if a task failed.
fn judge(success: bool, body: &str) -> Result<String, String> {
    let json: Option<Value> = serde_json::from_str(body).ok();
    if let Some(json) = &json {
        if json.get("isHealthy") == Some(&Value::Bool(false)) {
            return Err("reports that it is not healthy".to_owned());
        }
        if let Some(failed) = failed(json, "a part") {
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
        (false, _) => Err("reports that it is not ready".to_owned()),
    }
}

/// The name of the first connector that has `"state": "FAILED"`, itself or in a task.
fn failed(json: &Value, name: &str) -> Option<String> {
    match json {
        Value::Object(fields) => {
            if fields.get("state").and_then(Value::as_str) == Some("FAILED") {
                return Some(name.to_owned());
            }
            fields.iter().find_map(|(field, value)| {
                let is_detail = ["status", "connector", "tasks"].contains(&field.as_str());
                failed(value, if is_detail { name } else { field })
            })
        }
        Value::Array(items) => items.iter().find_map(|item| failed(item, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_answers_200_may_still_be_unhealthy() {
        assert!(judge(true, "ready\n").is_ok());
        assert!(judge(true, r#"{"isHealthy":true}"#).is_ok());
        assert!(judge(true, r#"{"isHealthy":false}"#).is_err());
        let connect = r#"{"WeightData":{"status":{"connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"FAILED"}]}}}"#;
        assert_eq!(judge(true, connect), Err("WeightData has failed".into()));
        assert!(judge(true, &connect.replace("FAILED", "RUNNING")).is_ok());
    }

    #[test]
    fn a_part_that_is_not_ready_gives_its_reason() {
        let reason = judge(false, "waiting for topics\n");
        assert_eq!(reason, Err("waiting for topics".into()));
        assert!(judge(false, "").is_err());
    }
}
