//! Each part's health.

use maud::{Markup, html};

use crate::health::Part;
use crate::state::State;

/// Every part and how it is.
pub(super) fn all(state: &State) -> Vec<Part> {
    let outside = &state.outside;
    let cluster = &outside.cluster;
    let kafka = match (&cluster.failure, &cluster.last) {
        (Some(failure), _) => Err(failure.clone()),
        (None, None) => Err("not asked yet".to_owned()),
        (None, Some(look)) if look.brokers == 1 => Ok("1 broker".to_owned()),
        (None, Some(look)) => Ok(format!("{} brokers", look.brokers)),
    };
    let topics = state.steps.iter().filter_map(|step| {
        let topic = step.topic?;
        step.traffic.is_none().then_some(topic)
    });
    let unread: Vec<_> = topics.collect();
    let topics = match unread.as_slice() {
        [] => Ok("all are read".to_owned()),
        some => Err(format!("not there yet: {}", some.join(", "))),
    };
    let mut parts = vec![Part::new("Kafka", kafka), Part::new("topics", topics)];
    if let Some(stored) = &outside.stored {
        let state = match &outside.store_failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(format!("{} rows of these fish", stored.len())),
        };
        parts.push(Part::new("store", state));
    }
    parts.extend(outside.parts.iter().cloned());
    parts
}

/// The parts, each with a sign and a word.
pub(super) fn section(state: &State) -> Markup {
    html! {
        ul.parts {
            @for part in &all(state) {
                li data-state=(if part.state.is_ok() { "up" } else { "down" }) {
                    span.sign aria-hidden="true" {}
                    strong { (part.name) }
                    @match &part.state {
                        Ok(said) => span { "up: " (said) },
                        Err(why) => span.failure { "down: " (why) },
                    }
                }
            }
        }
    }
}
