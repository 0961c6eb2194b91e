//! Tracks the queries of the program's own scripts, to report missing ones.

use crate::registry::{Effect, RegisteredQuery};

/// The queries that the program's own scripts started, or their replacements.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    required: Vec<RequiredQuery>,
}

/// A query that must run, or its replacement.
#[derive(Debug)]
struct RequiredQuery {
    id: String,
    topic: String,
    inserts: bool,
    ended: bool,
}

impl RequiredQuery {
    /// Whether a query can replace this one: it fills the same topic and is an `INSERT INTO` only if
    /// this one was.
    fn is_replaced_by(&self, query: &RegisteredQuery) -> bool {
        self.topic == query.sink.topic && self.inserts == query.inserts
    }
}

impl Pipeline {
    /// Records started and stopped queries, in order. `own` marks the program's own scripts.
    pub(super) fn record<'e>(&mut self, effects: impl Iterator<Item = &'e Effect>, own: bool) {
        for effect in effects {
            match effect {
                Effect::Start(query) => self.started(query, own),
                Effect::Stop(query) => {
                    let mut required = self.required.iter_mut();
                    if let Some(entry) = required.find(|entry| entry.id == query.id) {
                        entry.ended = true;
                    }
                }
                _ => {}
            }
        }
    }

    fn started(&mut self, query: &RegisteredQuery, own: bool) {
        let mut ended = self.required.iter_mut().filter(|entry| entry.ended);
        if let Some(entry) = ended.find(|entry| entry.is_replaced_by(query)) {
            entry.id.clone_from(&query.id);
            entry.ended = false;
        } else if own {
            self.required.push(RequiredQuery {
                id: query.id.clone(),
                topic: query.sink.topic.clone(),
                inserts: query.inserts,
                ended: false,
            });
        }
    }

    /// The topics whose query ended without a replacement.
    pub(super) fn abandoned(&self) -> Vec<String> {
        let ended = self.required.iter().filter(|entry| entry.ended);
        let mut topics: Vec<String> = ended.map(|entry| entry.topic.clone()).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::registry::Registry;

    /// The abandoned topics after one of the program's own scripts and a client's script.
    fn abandoned(own: &str, sent: &str) -> Vec<String> {
        let mut registry = Registry::new(Catalog::assuming(1));
        let mut pipeline = Pipeline::default();
        let source =
            "CREATE STREAM S (ID VARCHAR KEY, V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');";
        for (script, is_own) in [(format!("{source}{own}"), true), (sent.to_owned(), false)] {
            let executed = registry.execute(&script).expect("supported statements");
            let effects = executed.iter().flat_map(|statement| &statement.effects);
            pipeline.record(effects, is_own);
        }
        pipeline.abandoned()
    }

    const FILL: &str = "CREATE STREAM X WITH (KAFKA_TOPIC='x') AS SELECT ID, V FROM S;";
    const INSERT: &str = "INSERT INTO X SELECT ID, V FROM S;";

    #[test]
    fn an_insert_does_not_replace_another_query() {
        let ended = format!("{INSERT} TERMINATE CSAS_X_1;");
        assert_eq!(abandoned(FILL, &ended), ["x"]);
        let later = format!("TERMINATE CSAS_X_1; {INSERT}");
        assert_eq!(abandoned(FILL, &later), ["x"]);
    }

    #[test]
    fn only_a_later_query_is_a_replacement() {
        let other = "CREATE STREAM Y WITH (KAFKA_TOPIC='x') AS SELECT ID, V FROM S;";
        let ended = format!("{other} TERMINATE CSAS_X_1;");
        assert_eq!(abandoned(FILL, &ended), ["x"]);
        let later = format!("TERMINATE CSAS_X_1; {other}");
        assert!(abandoned(FILL, &later).is_empty());
        // A replacement is required too.
        assert_eq!(
            abandoned(FILL, &format!("{later} TERMINATE CSAS_Y_3;")),
            ["x"]
        );
    }

    #[test]
    fn a_terminated_insert_is_missing_until_it_is_replaced() {
        let own = format!("{FILL}{INSERT}");
        assert_eq!(abandoned(&own, "TERMINATE INSERTQUERY_2;"), ["x"]);
        let again = format!("TERMINATE INSERTQUERY_2; {INSERT}");
        assert!(abandoned(&own, &again).is_empty());
    }
}
