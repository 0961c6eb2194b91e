//! Times, first rows, and that files are written once.

use std::time::Duration;

use csv_rows::CsvRows;
use feed::feeder;

use crate::{Case, exists, noise, rows};

#[test]
fn the_times_of_the_sql_are_those_of_the_file() {
    // A row every six hours, known after up to two days.
    let text = rows("id,x,ordered,delivered,y", 200, |n| {
        let hours = n * 6;
        let day = |hours: usize| {
            format!(
                "2024-{:02}-{:02} {:02}:00",
                1 + hours / 672,
                1 + hours / 24 % 28,
                hours % 24
            )
        };
        format!(
            "o{n},{},{},{},{}",
            noise(n),
            day(hours),
            day(hours + 6 + n % 43),
            1.0 + noise(n + 7)
        )
    });
    let mut case = Case::new(&text, "y");
    case.args.key = Some("id".into());
    case.args.measured_at = Some("ordered".into());
    case.args.actual_at = Some("delivered".into());
    let printed = case.run().unwrap();
    assert!(
        printed.contains("WITHIN 21 DAYS, windows of 10 DAYS")
            || printed.contains("windows of 10 DAYS"),
        "{printed}"
    );
    let rule = case.folder().sql(None).unwrap().trigger_rule().unwrap();
    let schedule = feeder::schedule(&case.folder(), None).unwrap();
    assert!(
        rule.within.unwrap() >= 2 * schedule.longest_delay(),
        "{printed}"
    );
    let thirty_rows = Duration::from_secs(30 * 6 * 3600);
    assert!(
        rule.window >= thirty_rows && rule.window <= 2 * thirty_rows,
        "{printed}"
    );
    assert_eq!(schedule.count(), 150);
}

#[test]
fn the_first_rows_are_written_and_not_sent() {
    let text = rows("x;kind;y", 130, |n| {
        let y = if n == 3 {
            "NA".to_owned()
        } else {
            format!("{n},5")
        };
        format!("{},25;\"a;b\";{y}", n % 7)
    });
    let case = Case::new(&text, "y");
    let printed = case.run().unwrap();
    assert!(
        printed.contains("50 train the first model, 79 are sent, 1 cannot be used"),
        "{printed}"
    );
    assert!(
        printed.contains("1 row, line 5: `y` is missing"),
        "{printed}"
    );
    let folder = case.folder();
    let (name, content) = folder.first_rows().unwrap();
    let first: Vec<_> = CsvRows::from_bytes(name, content)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(first.len(), 50);
    assert_eq!((first[0].cell(0), first[0].cell(1)), ("0.25", "0.5"));
    let schedule = feeder::schedule(&folder, None).unwrap();
    let start = "2024-01-31T10:00:00.000Z".parse().unwrap();
    let sent = schedule.records(start).unwrap().next().unwrap().unwrap();
    assert_eq!(sent.key, "52");
}

#[test]
fn files_are_written_once() {
    let text = rows("x,y", 100, |n| {
        format!("{},{}", noise(n), 1.0 + noise(n + 5))
    });
    let case = Case::new(&text, "y");
    case.run().unwrap();
    let before = case.text("pipeline.toml");
    let error = case.run().unwrap_err();
    assert!(
        error.contains("has pipeline.toml, ksql, connectors, first-rows.csv, rows.csv already; these files are yours now"),
        "{error}"
    );
    assert_eq!(case.text("pipeline.toml"), before);
}

#[test]
fn a_file_that_is_in_the_folder_is_not_copied() {
    let text = rows("x,y", 100, |n| {
        format!("{},{}", noise(n), 1.0 + noise(n + 5))
    });
    let mut case = Case::new(&text, "y");
    case.args.dir = case.dir.path().to_owned();
    case.run().unwrap();
    assert!(!exists(&case.path("rows.csv")));
    let feed = case.folder().definition.feed.clone().unwrap();
    assert_eq!((feed.file.as_str(), feed.skip), ("data.csv", 50));
}
