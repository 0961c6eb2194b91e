//! Each part's health.

use maud::{Markup, html};

use super::words::age;
use crate::asked::Answer;
use crate::queries::Queries;
use crate::state::State;

/// A part of the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its name.
    pub(super) name: String,
    /// That it is well, or why it is not; none before it was asked for the first time.
    pub(super) state: Option<Result<String, String>>,
}

impl Part {
    fn new(name: impl Into<String>, state: Option<Result<String, String>>) -> Self {
        Self {
            name: name.into(),
            state,
        }
    }

    /// What an answer says of a part; where there is none now, why, and how old the last one is.
    fn of<T>(
        name: impl Into<String>,
        answer: &Answer<T>,
        says: impl FnOnce(&T) -> Result<String, String>,
    ) -> Self {
        let state = match (&answer.failure, &answer.last) {
            (Some(why), _) => {
                let last = answer.came.map_or_else(String::new, |came| {
                    format!("; it answered {}", age(came.elapsed()))
                });
                Some(Err(format!("{why}{last}")))
            }
            (None, Some(last)) => Some(says(last)),
            (None, None) => None,
        };
        Self::new(name, state)
    }

    /// Whether it is known not to be well.
    pub(super) fn is_down(&self) -> bool {
        matches!(self.state, Some(Err(_)))
    }
}

/// Every part and how it is.
pub(super) fn all(state: &State) -> Vec<Part> {
    let outside = &state.outside;
    let topics = state.steps.iter().filter_map(|step| {
        let topic = step.topic?;
        step.traffic.is_none().then_some(topic)
    });
    let unread: Vec<_> = topics.collect();
    let topics = match unread.as_slice() {
        [] => Ok("all are read".to_owned()),
        some => Err(format!("not there yet: {}", some.join(", "))),
    };
    let brokers = |brokers: &usize| match brokers {
        1 => Ok("1 broker".to_owned()),
        _ => Ok(format!("{brokers} brokers")),
    };
    let mut parts = vec![
        Part::of("Kafka", &outside.brokers, brokers),
        Part::new("topics", Some(topics)),
    ];
    if let Some(stored) = &outside.stored {
        parts.push(Part::of("store", stored, |look| {
            Ok(format!("{} rows of these fish", look.found.len()))
        }));
    }
    let others = outside.parts.iter();
    parts.extend(others.map(|(name, answer)| Part::of(name, answer, |said| Ok(said.clone()))));
    if let Some(queries) = &outside.queries {
        parts.push(Part::of("SQL queries", queries, Queries::health));
    }
    if outside.rows.failure.is_some() {
        let known = |(): &()| Ok("known".to_owned());
        parts.push(Part::of("training rows", &outside.rows, known));
    }
    parts
}

/// The parts, each with a sign and a word.
pub(super) fn section(state: &State) -> Markup {
    let word = |part: &Part| match part.state {
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
                    @match &part.state {
                        None => span { "not asked yet" },
                        Some(Ok(said)) => span { "up: " (said) },
                        Some(Err(why)) => span.failure { "down: " (why) },
                    }
                }
            }
        }
    }
}
