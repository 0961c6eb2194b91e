//! The records of a file.

use std::path::Path;
use std::time::Duration;

use feed::feeder;
use feed::schedule::Schedule;
use feed::{Kind, Outgoing};
use pipeline_folder::Folder;
use serde_json::{Value, json};
use service_runtime::UsageError;

/// The folder of deliveries, with these rows and this `[feed]`.
pub(crate) fn folder(dir: &Path, rows: &str, feed: &str) -> Folder {
    let definition = format!(
        r#"
        [record]
        name = "delivery"
        key = "order"
        [measured]
        topic = "ordered"
        [actual]
        topic = "delivered"
        [predicted]
        topic = "predicted"
        [model]
        formula = "minutes ~ `distance (km)` + district"
        group = "district"
        first-rows = "first-rows.csv"
        [columns]
        "distance (km)" = {{ field = "Distance", above = 0 }}
        district = {{ field = "District", category = true }}
        note = {{ field = "Note", category = true }}
        minutes = {{ field = "Minutes" }}
        [rows]
        topic = "errors"
        trigger = "retrain"
        database = "d"
        collection = "c"
        {feed}
        "#
    );
    std::fs::write(dir.join("pipeline.toml"), definition).unwrap();
    std::fs::write(dir.join("rows.csv"), rows).unwrap();
    Folder::open(dir).unwrap()
}

fn schedule(rows: &str, feed: &str) -> Result<Schedule, UsageError> {
    let dir = tempfile::tempdir().unwrap();
    let folder = folder(dir.path(), rows, feed);
    // On Linux an open file can be read after it was deleted.
    feeder::schedule(&folder, None)
}

fn records(schedule: Schedule) -> Vec<Outgoing> {
    let start = "2024-01-31T17:00:20.000Z".parse().unwrap();
    let records = schedule.records(start).unwrap();
    records.map(Result::unwrap).collect()
}

/// Kind, key and time of day.
fn short(records: &[Outgoing]) -> Vec<String> {
    let one = |record: &Outgoing| {
        let kind = if record.kind == Kind::Measured {
            "m"
        } else {
            "a"
        };
        format!("{kind} {} {}", record.key, &record.at.to_string()[8..19])
    };
    records.iter().map(one).collect()
}

const ROWS: &str = "id;Distance (KM);district;minutes;note\n\
                    7;1,5;north;30;\n\
                    8;2,25;south;-4,5;fragile\n\
                    9;-;south;7;\n\
                    10;3;south;7;\n";

#[test]
fn rows_without_times_follow_each_other_at_the_interval() {
    let feed = "[feed]\nfile = \"rows.csv\"\nkey = \"id\"\ninterval = \"4s\"\ndelay = \"6s\"\n";
    let schedule = schedule(ROWS, feed).unwrap();
    assert_eq!(
        (schedule.count(), schedule.span()),
        (3, Duration::from_secs(14))
    );
    assert_eq!(
        schedule.unusable().to_string(),
        "1 row, line 4: `distance (km)` is missing"
    );
    let records = records(schedule);
    assert_eq!(
        short(&records),
        [
            "m 7 31T17:00:20",
            "m 8 31T17:00:24",
            "a 7 31T17:00:26",
            "m 10 31T17:00:28",
            "a 8 31T17:00:30",
            "a 10 31T17:00:34"
        ]
    );
    let value = |n: usize| serde_json::from_slice::<Value>(&records[n].value).unwrap();
    assert_eq!(records[1].topic, "ordered");
    let measured = json!({
        "order": "8", "Distance": 2.25, "District": "south", "Note": "fragile",
        "Timestamp": "2024-01-31T17:00:24.000Z"
    });
    assert_eq!(value(1), measured);
    assert_eq!(value(0)["Note"], Value::Null);
    assert_eq!(records[4].topic, "delivered");
    let actual = json!({
        "order": "8", "District": "south", "Minutes": -4.5, "Timestamp": "2024-01-31T17:00:30.000Z"
    });
    assert_eq!(value(4), actual);
}

#[test]
fn the_first_rows_are_skipped_and_rows_without_a_key_are_numbered() {
    let schedule = schedule(ROWS, "[feed]\nfile = \"rows.csv\"\nskip = 2\n").unwrap();
    assert_eq!(schedule.count(), 1);
    assert_eq!(
        short(&records(schedule)),
        ["m 4 31T17:00:20", "a 4 31T17:00:30"]
    );
}

#[test]
fn rows_with_times_are_sorted_by_them() {
    let rows = "id,distance (km),district,minutes,note,ordered,delivered\n\
                1,1,north,30,,2024-01-03 10:00,2024-01-05 10:00\n\
                2,1,north,30,,2024-01-01 10:00,2024-01-01 10:30\n\
                3,1,north,30,,2024-01-02 10:00,\n\
                4,1,north,30,,2024-01-02 10:00,2024-01-02 10:00\n\
                5,1,north,30,,2024-01-02 11:00,2024-01-02 10:00\n\
                6,1,north,30,,2024-01-04 10:00,2024-01-04 11:00\n";
    let feed = |skip: u32| {
        format!(
            "[feed]\nfile = \"rows.csv\"\nkey = \"id\"\nmeasured-at = \"ordered\"\nactual-at = \"delivered\"\nskip = {skip}\n"
        )
    };
    let all = schedule(rows, &feed(0)).unwrap();
    assert_eq!(all.longest_delay(), Duration::from_secs(48 * 3600));
    assert_eq!(
        all.unusable().to_string(),
        "1 row, line 4: `delivered` is missing\n1 row, line 6: `delivered` is before the measurement"
    );
    let expected = [
        "m 2 01T10:00:00",
        "a 2 01T10:30:00",
        "m 4 02T10:00:00",
        "a 4 02T10:00:00",
        "m 1 03T10:00:00",
        "m 6 04T10:00:00",
        "a 6 04T11:00:00",
        "a 1 05T10:00:00",
    ];
    assert_eq!(short(&records(all)), expected);
    let later = schedule(rows, &feed(1)).unwrap();
    assert_eq!(short(&records(later)), expected[2..]);
}

#[test]
fn dates_with_slashes_are_read_if_their_order_is_certain() {
    let rows = |dates: [&str; 2]| {
        let row = |n: usize| format!("{n},1,north,30,,{}\n", dates[n]);
        format!(
            "id,distance (km),district,minutes,note,day\n{}{}",
            row(0),
            row(1)
        )
    };
    let feed = "[feed]\nfile = \"rows.csv\"\nmeasured-at = \"day\"\ndelay = \"24h\"\n";
    let found = schedule(&rows(["1/2/2024", "13/2/2024"]), feed).unwrap();
    assert_eq!(
        found.file_start().unwrap().to_string(),
        "2024-02-01T00:00:00.000Z"
    );
    let error = schedule(&rows(["1/2/2024", "2/2/2024"]), feed)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("day and month of `day` cannot be told apart"),
        "{error}"
    );
}

#[test]
fn a_file_that_cannot_be_sent_is_refused_with_the_reason() {
    let feed = "[feed]\nfile = \"rows.csv\"\nkey = \"id\"\n";
    for (rows, expected) in [
        (
            "id,distance (km),minutes\n1,2,3\n",
            "the header has no column `district`; it has id, distance (km), minutes",
        ),
        (
            "no,distance (km),district,minutes\n1,2,x,3\n",
            "the header has no column `id`",
        ),
        (
            "id,distance (km),district,minutes\n1,2,x,3\n2,2,x,3\n1,2,x,3\n",
            "line 4: the key id `1` is already on line 2",
        ),
        (
            "id,distance (km),district,minutes\n",
            "no row can be sent: expected rows after the header",
        ),
        (
            "id,distance (km),district,minutes\n1,0,x,3\n",
            "no row can be sent: 1 row, line 2: `distance (km)` must be greater than 0",
        ),
        (
            "id,distance (km),district,minutes\n1,1 000,x,3\n",
            "`distance (km)` has a thousands separator",
        ),
        (
            "id,distance (km),district,minutes\n1,1,x,\n",
            "`minutes` is missing",
        ),
    ] {
        let error = schedule(rows, feed).map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{rows}: {error}");
    }
    let error = schedule(ROWS, "").map(drop).unwrap_err().to_string();
    assert!(error.contains("add `[feed]`"), "{error}");
}
