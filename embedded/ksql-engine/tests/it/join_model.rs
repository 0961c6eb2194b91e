//! The join against a brute-force model that compares all pairs.

use ksql_engine::catalog::Catalog;
use ksql_engine::engine::{Engine, Input};
use proptest::prelude::*;

/// One record: side, key (or none), value (or none), time.
#[derive(Clone, Debug)]
struct Event {
    left: bool,
    key: Option<u8>,
    value: Option<u32>,
    time: i64,
}

const BEFORE: i64 = 3;
const AFTER: i64 = 5;
const GRACE: i64 = 4;

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (any::<bool>(), 0..8_u8, 0..8_u8, 0..12_i64, 0..3_i64)
        .prop_map(|(left, key, null, lateness, step)| (left, key, null, lateness, step));
    proptest::collection::vec(event, 1..120).prop_map(|steps| {
        let mut now = 20;
        let mut events = Vec::new();
        for (index, (left, key, null, lateness, step)) in steps.into_iter().enumerate() {
            now += step;
            let late = if lateness > 8 { lateness * 3 } else { 0 };
            events.push(Event {
                left,
                key: (key < 6).then_some(key % 3),
                value: (null > 0).then_some(index as u32),
                time: (now - late + lateness % 3).max(0),
            });
        }
        events
    })
}

/// An output row.
type Joined = (Option<u8>, u32, Option<u32>, i64);

/// All pairs within the bounds, by comparing each record with all earlier ones.
fn expected(events: &[Event], is_left_join: bool) -> Vec<Joined> {
    let retention = BEFORE + AFTER + GRACE;
    let mut out = Vec::new();
    let mut newest = [-1_i64; 2];
    let mut stream_time = -1;
    let mut oldest_open = i64::MAX;
    let mut stored: Vec<(usize, Event)> = Vec::new();
    let mut open: Vec<(i64, u8, u32)> = Vec::new();
    for (index, event) in events.iter().enumerate() {
        stream_time = stream_time.max(event.time);
        let (key, value) = match (event.key, event.value) {
            (Some(key), Some(value)) => (key, value),
            (None, Some(value)) if event.left && is_left_join => {
                out.push((None, value, None, event.time));
                continue;
            }
            _ => continue,
        };
        if is_left_join && event.time == stream_time {
            let ahead = if event.left { AFTER } else { BEFORE };
            if oldest_open < stream_time - ahead - GRACE {
                open.sort_by_key(|(time, key, _)| (*time, *key));
                let closes = |time: i64| time + AFTER + GRACE < stream_time;
                oldest_open = open
                    .iter()
                    .map(|(time, ..)| *time)
                    .find(|time| !closes(*time))
                    .or(open.last().map(|(time, ..)| *time))
                    .unwrap_or(i64::MAX);
                for (time, key, value) in open.iter().filter(|(time, ..)| closes(*time)) {
                    out.push((Some(*key), *value, None, *time));
                }
                open.retain(|(time, ..)| !closes(*time));
            }
        }
        let other = usize::from(event.left);
        let mut partners: Vec<&(usize, Event)> = stored
            .iter()
            .filter(|(_, row)| row.left != event.left && row.key == Some(key))
            .filter(|(_, row)| row.time > newest[other] - retention)
            .filter(|(_, row)| {
                let (left, right) = if event.left {
                    (event.time, row.time)
                } else {
                    (row.time, event.time)
                };
                right >= left - BEFORE && right <= left + AFTER
            })
            .collect();
        partners.sort_by_key(|(arrival, row)| (row.time, *arrival));
        for (_, row) in &partners {
            let partner = row.value.unwrap();
            let (left, right) = if event.left {
                (value, partner)
            } else {
                (partner, value)
            };
            out.push((Some(key), left, Some(right), event.time.max(row.time)));
            if !event.left {
                open.retain(|(time, other, _)| (*time, *other) != (row.time, key));
            }
        }
        if partners.is_empty() && event.left && is_left_join {
            if event.time + AFTER < stream_time {
                out.push((Some(key), value, None, event.time));
            } else {
                oldest_open = oldest_open.min(event.time);
                open.push((event.time, key, value));
            }
        }
        let side = usize::from(!event.left);
        newest[side] = newest[side].max(event.time);
        stored.push((index, event.clone()));
    }
    out
}

fn found(events: &[Event], join: &str) -> Vec<Joined> {
    let mut engine = Engine::new(Catalog::assuming(1));
    engine
        .execute(&format!(
            "CREATE STREAM l (k VARCHAR KEY, v BIGINT) WITH (KAFKA_TOPIC='l', VALUE_FORMAT='JSON');
             CREATE STREAM r (k VARCHAR KEY, v BIGINT) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON');
             CREATE STREAM j WITH (KAFKA_TOPIC='j') AS SELECT l.k AS k, l.v AS a, r.v AS b
             FROM l {join} JOIN r WITHIN ({BEFORE} MILLISECONDS, {AFTER} MILLISECONDS) GRACE PERIOD {GRACE} MILLISECONDS ON l.k = r.k;"
        ))
        .unwrap();
    let mut out = Vec::new();
    for event in events {
        let processed = engine.process(Input {
            topic: if event.left { "l" } else { "r" }.to_owned(),
            key: event.key.map(|key| key.to_string().into_bytes()),
            value: event
                .value
                .map(|value| format!("{{\"V\":{value}}}").into_bytes()),
            timestamp: event.time,
            ..Input::default()
        });
        for record in processed.records {
            let value: serde_json::Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
            let number = |name: &str| value[name].as_u64().map(|number| number as u32);
            let key = record
                .key
                .map(|key| String::from_utf8(key).unwrap().parse().unwrap());
            out.push((key, number("A").unwrap(), number("B"), record.timestamp));
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn an_inner_join_emits_all_pairs_within_the_bounds(events in events()) {
        prop_assert_eq!(found(&events, "INNER"), expected(&events, false));
    }

    #[test]
    fn a_left_join_emits_each_unmatched_left_row_once(events in events()) {
        prop_assert_eq!(found(&events, "LEFT"), expected(&events, true));
    }
}
