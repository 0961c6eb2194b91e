//! What earlier runs left on the topics.

use std::collections::HashSet;

use pipeline::{EventTime, Measurement, Weighing};

/// What is on the topics already, as far as going on needs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// The greatest id that is a number; 0 where there is none.
    pub newest_id: u64,
    /// When the newest fish was measured.
    pub newest_measured: Option<EventTime>,
    /// The newest event of either machine.
    pub newest_event: Option<EventTime>,
    /// The ids of the newest measured fish.
    pub measured_ids: HashSet<String>,
    /// Fish that were measured and not weighed, in the order of their measurement.
    pub unweighed: Vec<Measurement>,
}

/// Ids from here on are not taken for numbers, so that there is always a next one.
const GREATEST_ID: u64 = 1 << 62;

impl Past {
    /// From the newest records of both topics.
    ///
    /// A fish's two records are in the same partition number of both topics and in the same order,
    /// the weighing later. So among equally many newest records of both, a measured fish without a
    /// weighing has not been weighed.
    pub fn from_newest(measured: Vec<Measurement>, weighed: &[Weighing]) -> Self {
        let ids = |text: &str| text.parse().ok().filter(|id| *id < GREATEST_ID);
        let weighed_ids: HashSet<&str> = weighed.iter().map(|fish| &*fish.fish_id).collect();
        let measured_ids: HashSet<String> =
            measured.iter().map(|fish| fish.fish_id.clone()).collect();
        let newest_measured = measured.iter().map(|fish| fish.timestamp).max();
        let newest_weighed = weighed.iter().map(|fish| fish.timestamp).max();
        let all_ids = measured_ids
            .iter()
            .map(String::as_str)
            .chain(weighed_ids.iter().copied());
        let newest_id = all_ids.filter_map(ids).max().unwrap_or(0);
        let mut unweighed = measured;
        unweighed.retain(|fish| !weighed_ids.contains(&*fish.fish_id));
        unweighed.sort_by_key(|fish| fish.timestamp);
        Self {
            newest_id,
            newest_measured,
            newest_event: newest_measured.max(newest_weighed),
            measured_ids,
            unweighed,
        }
    }
}
