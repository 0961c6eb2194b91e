//! The state that earlier runs left on the topics.

use std::collections::HashSet;

use pipeline::{EventTime, Measurement, Weighing};

/// The state of the topics that a simulation continues from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// The greatest numeric id; 0 if there is none.
    pub newest_id: u64,
    /// When the newest fish was measured.
    pub newest_measured: Option<EventTime>,
    /// The newest event of either machine.
    pub newest_event: Option<EventTime>,
    /// The ids of the newest measured fish.
    pub measured_ids: HashSet<String>,
    /// Measured but unweighed fish, in the order of their measurement.
    pub unweighed: Vec<Measurement>,
}

/// Greater ids do not count as numeric, so that there is always a next id.
const GREATEST_ID: u64 = 1 << 62;

impl Past {
    /// From equally many newest records of both topics.
    ///
    /// The two records of a fish have the same partition and the same order in both topics, and the
    /// weighing is later. So a measured fish without a weighing among these records is unweighed.
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
