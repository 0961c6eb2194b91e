//! The queries of the program's own scripts: what must not be missing.

use crate::registry::{Effect, RegisteredQuery};

/// What the program's own scripts started, and what has taken the place of it.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    places: Vec<Place>,
}

/// One query, or another that does what it did.
#[derive(Debug)]
struct Place {
    id: String,
    topic: String,
    inserts: bool,
    ended: bool,
}

impl Place {
    /// Whether a query does what this one did: it fills the same topic, beside others (`INSERT INTO`)
    /// only where this one did so too.
    fn suits(&self, query: &RegisteredQuery) -> bool {
        self.topic == query.sink.topic && self.inserts == query.inserts
    }
}

impl Pipeline {
    /// Learns what was started and ended, in this order; `own`: by a script of the program.
    pub(super) fn learn<'e>(&mut self, effects: impl Iterator<Item = &'e Effect>, own: bool) {
        for effect in effects {
            match effect {
                Effect::Start(query) => self.started(query, own),
                Effect::Stop(query) => {
                    let mut places = self.places.iter_mut();
                    if let Some(place) = places.find(|place| place.id == query.id) {
                        place.ended = true;
                    }
                }
                _ => {}
            }
        }
    }

    fn started(&mut self, query: &RegisteredQuery, own: bool) {
        let mut free = self.places.iter_mut().filter(|place| place.ended);
        if let Some(place) = free.find(|place| place.suits(query)) {
            place.id.clone_from(&query.id);
            place.ended = false;
        } else if own {
            self.places.push(Place {
                id: query.id.clone(),
                topic: query.sink.topic.clone(),
                inserts: query.inserts,
                ended: false,
            });
        }
    }

    /// The topics whose query has ended with none in its place.
    pub(super) fn abandoned(&self) -> Vec<String> {
        let ended = self.places.iter().filter(|place| place.ended);
        let mut topics: Vec<String> = ended.map(|place| place.topic.clone()).collect();
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

    /// What is abandoned after a script of the program's own and one that somebody sent.
    fn abandoned(own: &str, sent: &str) -> Vec<String> {
        let mut registry = Registry::new(Catalog::assuming(1));
        let mut pipeline = Pipeline::default();
        let source =
            "CREATE STREAM S (ID VARCHAR KEY, V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');";
        for (script, is_own) in [(format!("{source}{own}"), true), (sent.to_owned(), false)] {
            let executed = registry.execute(&script).expect("supported statements");
            let effects = executed.iter().flat_map(|statement| &statement.effects);
            pipeline.learn(effects, is_own);
        }
        pipeline.abandoned()
    }

    const FILL: &str = "CREATE STREAM X WITH (KAFKA_TOPIC='x') AS SELECT ID, V FROM S;";
    const INSERT: &str = "INSERT INTO X SELECT ID, V FROM S;";

    #[test]
    fn an_insert_into_the_topic_takes_the_place_of_no_other_query() {
        let ended = format!("{INSERT} TERMINATE CSAS_X_1;");
        assert_eq!(abandoned(FILL, &ended), ["x"]);
        let later = format!("TERMINATE CSAS_X_1; {INSERT}");
        assert_eq!(abandoned(FILL, &later), ["x"]);
    }

    #[test]
    fn a_query_that_was_there_before_the_end_takes_no_place() {
        let beside = "CREATE STREAM Y WITH (KAFKA_TOPIC='x') AS SELECT ID, V FROM S;";
        let ended = format!("{beside} TERMINATE CSAS_X_1;");
        assert_eq!(abandoned(FILL, &ended), ["x"]);
        let later = format!("TERMINATE CSAS_X_1; {beside}");
        assert!(abandoned(FILL, &later).is_empty());
        // What took the place is missed in its turn.
        assert_eq!(
            abandoned(FILL, &format!("{later} TERMINATE CSAS_Y_3;")),
            ["x"]
        );
    }

    #[test]
    fn an_insert_of_the_pipeline_is_missed_until_there_is_another() {
        let own = format!("{FILL}{INSERT}");
        assert_eq!(abandoned(&own, "TERMINATE INSERTQUERY_2;"), ["x"]);
        let again = format!("TERMINATE INSERTQUERY_2; {INSERT}");
        assert!(abandoned(&own, &again).is_empty());
    }
}
