//! The connector files: the shipped ones with other names.

use pipeline::Definition;
use pipeline_folder::{ConnectorFile, Folder};
use serde_json::Value;
use service_runtime::UsageError;

use super::names::slug;

/// The connector files of a pipeline, with their path in the folder.
///
/// # Errors
/// The shipped files cannot be read.
pub fn files(definition: &Definition) -> Result<Vec<ConnectorFile>, UsageError> {
    let shipped = Folder::shipped();
    let own = shipped.definition;
    let names = [
        ("connectors/weight-data.json", "connectors/rows.json"),
        ("connectors/retrain-trigger.json", "connectors/retrain.json"),
    ];
    let record = slug(&definition.record);
    let values = [
        ("WeightData", format!("{record}-rows")),
        ("RetrainTrigger", format!("{record}-retrain")),
        (&own.topics.rows, definition.topics.rows.clone()),
        (&own.topics.trigger, definition.topics.trigger.clone()),
        (
            &format!("{}-dlq", own.topics.rows),
            format!("{}-dlq", definition.topics.rows),
        ),
        (
            &format!("{}-dlq", own.topics.trigger),
            format!("{}-dlq", definition.topics.trigger),
        ),
        (&own.database, definition.database.clone()),
        (&own.collection, definition.collection.clone()),
    ];
    let renamed = |file: ConnectorFile| {
        let new = names.iter().find(|(old, _)| *old == file.origin);
        let mut text = file.text;
        for (old, new) in &values {
            text = text.replace(&format!(" {}", json(old)), &format!(" {}", json(new)));
        }
        ConnectorFile {
            origin: new.map_or(file.origin, |(_, new)| (*new).to_owned()),
            text,
        }
    };
    Ok(shipped.connectors(None)?.into_iter().map(renamed).collect())
}

fn json(text: &str) -> String {
    Value::from(text).to_string()
}
