//! Windowed aggregates against a brute-force model that keeps every row.

use std::collections::BTreeMap;

use ksql_engine::catalog::Catalog;
use ksql_engine::engine::{Engine, Input};
use proptest::prelude::*;

const SIZE: i64 = 10;
const GRACE: i64 = 3;

/// Group (or none), value (or none), time.
type Event = (Option<u8>, Option<i32>, i64);

fn events() -> impl Strategy<Value = Vec<Event>> {
    let step = (
        0..8_u8,
        proptest::option::weighted(0.8, -5..6_i32),
        0..6_i64,
        0..10_i64,
    );
    proptest::collection::vec(step, 1..150).prop_map(|steps| {
        let mut now = 0;
        steps
            .into_iter()
            .map(|(group, value, step, late)| {
                now += step;
                let late = if late > 6 { late * 3 } else { 0 };
                ((group < 7).then_some(group % 3), value, (now - late).max(0))
            })
            .collect()
    })
}

/// Group, window start, count, sum, timestamp; without a count it is a deletion.
type Row = (u8, i64, Option<(i64, i64)>, i64);

/// A window's rows: value and time.
type Rows = Vec<(Option<i32>, i64)>;

fn expected(events: &[Event], advance: i64, is_final: bool) -> Vec<Row> {
    let mut windows: BTreeMap<(i64, u8), Rows> = BTreeMap::new();
    let mut passed: BTreeMap<(i64, u8), bool> = BTreeMap::new();
    let (mut stream_time, mut emitted_to, mut out) = (-1, i64::MIN, Vec::new());
    let row = |group: u8, start: i64, rows: &[(Option<i32>, i64)]| {
        let sum: i64 = rows
            .iter()
            .filter_map(|(value, _)| *value)
            .map(i64::from)
            .sum();
        let time = rows.iter().map(|(_, time)| *time).max().unwrap();
        // HAVING SUM(v) > 0
        (
            group,
            start,
            (sum > 0).then_some((rows.len() as i64, sum)),
            time,
        )
    };
    for (group, value, time) in events {
        let Some(group) = group else { continue };
        stream_time = stream_time.max(*time);
        let close = stream_time - GRACE;
        for start in (0..=*time).filter(|start| start % advance == 0 && start + SIZE > *time) {
            if start + SIZE <= close {
                continue;
            }
            windows
                .entry((start, *group))
                .or_default()
                .push((*value, *time));
            if !is_final {
                let new = row(*group, start, &windows[&(start, *group)]);
                let before = passed
                    .insert((start, *group), new.2.is_some())
                    .unwrap_or(false);
                if new.2.is_some() || before {
                    out.push(new);
                }
            }
        }
        if is_final {
            for ((start, group), rows) in &windows {
                let end = start + SIZE;
                if end <= close && end > emitted_to {
                    let last = row(*group, *start, rows);
                    out.extend(last.2.is_some().then_some(last));
                }
            }
            emitted_to = emitted_to.max(close);
        }
    }
    out
}

fn found(events: &[Event], window: &str, emit: &str) -> Vec<Row> {
    let mut engine = Engine::new(Catalog::assuming(1));
    engine
        .execute(&format!(
            "CREATE STREAM s (id VARCHAR KEY, g VARCHAR, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
             CREATE TABLE t WITH (KAFKA_TOPIC='t') AS SELECT g, COUNT(*) AS n, SUM(v) AS total
             FROM s WINDOW {window} GROUP BY g HAVING SUM(v) > 0 EMIT {emit};"
        ))
        .unwrap();
    let mut out = Vec::new();
    for (group, value, time) in events {
        let json = serde_json::json!({"G": group.map(|group| group.to_string()), "V": value});
        let processed = engine.process(Input {
            topic: "s".to_owned(),
            value: Some(json.to_string().into_bytes()),
            timestamp: *time,
            ..Input::default()
        });
        for record in processed.records {
            let key = record.key.unwrap();
            let (group, start) = key.split_last_chunk::<8>().unwrap();
            let result = record.value.map(|value| {
                let value: serde_json::Value = serde_json::from_slice(&value).unwrap();
                (
                    value["N"].as_i64().unwrap(),
                    value["TOTAL"].as_i64().unwrap(),
                )
            });
            out.push((
                group[0] - b'0',
                i64::from_be_bytes(*start),
                result,
                record.timestamp,
            ));
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn tumbling_final_windows_are_emitted_once_when_they_close(events in events()) {
        let window = format!("TUMBLING (SIZE {SIZE} MILLISECONDS, GRACE PERIOD {GRACE} MILLISECONDS)");
        prop_assert_eq!(found(&events, &window, "FINAL"), expected(&events, SIZE, true));
    }

    #[test]
    fn hopping_final_windows_are_emitted_once_when_they_close(events in events()) {
        let window = format!("HOPPING (SIZE {SIZE} MILLISECONDS, ADVANCE BY 4 MILLISECONDS, GRACE PERIOD {GRACE} MILLISECONDS)");
        prop_assert_eq!(found(&events, &window, "FINAL"), expected(&events, 4, true));
    }

    #[test]
    fn every_change_of_a_window_is_emitted(events in events()) {
        let window = format!("HOPPING (SIZE {SIZE} MILLISECONDS, ADVANCE BY 4 MILLISECONDS, GRACE PERIOD {GRACE} MILLISECONDS)");
        prop_assert_eq!(found(&events, &window, "CHANGES"), expected(&events, 4, false));
    }
}
