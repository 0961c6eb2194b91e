//! The health of each part.

use maud::{Markup, html};

use crate::collect::{Polled, Queries};
use crate::state::State;
use crate::view::words::age;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    /// A short text if the part is healthy, otherwise the reason; `None` before the first answer.
    health: Option<Result<String, String>>,
}

impl Part {
    fn new(name: impl Into<String>, health: Option<Result<String, String>>) -> Self {
        let name = name.into();
        Self { name, health }
    }

    /// The health from a poll. If the last request failed, the reason includes the age of the latest
    /// result.
    fn of<T>(
        name: impl Into<String>,
        polled: &Polled<T>,
        judge: impl FnOnce(&T) -> Result<String, String>,
    ) -> Self {
        let health = match (&polled.failure, &polled.latest) {
            (Some(why), _) => {
                let last = polled.received.map_or_else(String::new, |at| {
                    format!("; last answer {}", age(at.elapsed()))
                });
                Some(Err(format!("{why}{last}")))
            }
            (None, Some(latest)) => Some(judge(latest)),
            (None, None) => None,
        };
        Self::new(name, health)
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(self.health, Some(Err(_)))
    }
}

pub(super) fn all(state: &State) -> Vec<Part> {
    let collected = &state.collected;
    let unread = state.steps.iter().filter(|step| step.traffic.is_none());
    let unread: Vec<_> = unread.filter_map(|step| step.topic).collect();
    let topics = match unread.as_slice() {
        [] => Ok("all topics are read".to_owned()),
        some => Err(format!("missing: {}", some.join(", "))),
    };
    let brokers = |brokers: &usize| match brokers {
        1 => Ok("1 broker".to_owned()),
        _ => Ok(format!("{brokers} brokers")),
    };
    let mut parts = vec![
        Part::of("Kafka", &collected.brokers, brokers),
        Part::new("topics", Some(topics)),
    ];
    if let Some(stored) = &collected.stored {
        let stored_rows = state.report.records.stored.unwrap_or_default();
        let records = &state.report.definition.records;
        parts.push(Part::of("store", stored, |_| {
            Ok(format!("{stored_rows} rows of these {records}"))
        }));
    }
    let others = collected.parts.iter();
    parts.extend(others.map(|(name, polled)| Part::of(name, polled, |word| Ok(word.clone()))));
    if let Some(queries) = &collected.queries {
        parts.push(Part::of("SQL queries", queries, |queries: &Queries| {
            queries.health(&state.report.definition.topics)
        }));
    }
    if collected.rows.failure.is_some() {
        let read = |(): &()| Ok("read".to_owned());
        parts.push(Part::of("training rows", &collected.rows, read));
    }
    parts
}

pub(super) fn section(state: &State) -> Markup {
    let word = |part: &Part| match part.health {
        None => "waiting",
        Some(Ok(_)) => "up",
        Some(Err(_)) => "down",
    };
    html! {
        ul.parts {
            @for part in &all(state) {
                li data-state=(word(part)) {
                    span.sign aria-hidden="true" {}
                    strong { (part.name) }
                    @match &part.health {
                        None => span { "no answer yet" },
                        Some(Ok(word)) => span { "up: " (word) },
                        Some(Err(why)) => span.failure { "down: " (why) },
                    }
                }
            }
        }
    }
}
