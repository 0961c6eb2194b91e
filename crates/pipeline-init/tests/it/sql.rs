//! The SQL is the shipped one with other names and times.

use std::time::Duration;

use ksql_parser::parse_script;
use pipeline::{Definition, TriggerRule};
use pipeline_init::files::sql::{self, SqlSettings, StreamNames};
use pipeline_init::spans::{Span, Spans};

use crate::{Case, noise, rows};

const SHIPPED: &str = include_str!("../../../../ksql/pipeline.sql");

/// The lines without comments and final commas, sorted.
fn lines(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.starts_with("--"));
    let mut lines: Vec<&str> = lines
        .map(|line| line.trim().trim_end_matches(','))
        .collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_sql_of_the_fish_has_the_lines_of_the_shipped_sql() {
    let names = StreamNames {
        predicted: "PREDICTED_WEIGHT".into(),
        actual: "ACTUAL_WEIGHT".into(),
        rows: "DIFF_WEIGHT".into(),
        trigger: "RETRAIN_WEIGHT".into(),
    };
    let span = |seconds| Span::at_least(Duration::from_secs(seconds));
    let settings = SqlSettings {
        spans: Spans {
            within: span(60),
            join_grace: span(86_400),
            window: span(60),
            window_grace: span(10),
            retention: span(86_400),
            longest_delay: Duration::from_secs(10),
        },
        threshold: 0.15,
    };
    let text = sql::text(Definition::shipped(), &names, settings);
    assert_eq!(lines(&text), lines(SHIPPED));
}

#[test]
fn any_names_are_quoted_rightly() {
    let header = "\"id \"\"x\"\"\",\"a \"\"b\"\" (°C)\",\"semi;colon\",WindowStart,Error,naïve ключ,minutes,MINUTES";
    let text = rows(header, 120, |n| {
        let level = if n % 2 == 0 { "x" } else { "y'z" };
        format!(
            "k{n},{},{},{},{},{level},{},{}",
            noise(n),
            noise(n + 1),
            noise(n + 2),
            noise(n + 3),
            5.0 + noise(n + 4),
            noise(n + 5)
        )
    });
    let mut case = Case::new(&text, "minutes");
    case.args.key = Some("id \"x\"".into());
    case.args.group = Some("naïve ключ".into());
    case.run().unwrap();
    let folder = case.folder();
    let sql = folder.sql(None).unwrap();
    assert_eq!(parse_script(sql.text()).unwrap().len(), 5);
    let rule: TriggerRule = sql.trigger_rule().unwrap();
    assert_eq!(rule.window, Duration::from_secs(60));
    for expected in [
        "\"a \"\"b\"\" (°C)\" DOUBLE",
        "P.\"semi;colon\" AS \"semi;colon\"",
        "\"WindowStart_\" DOUBLE",
        "\"Error_\" DOUBLE",
        "COLLECT_SET(\"naïve ключ\") AS \"naïve ключ\"",
        "\"id \"\"x\"\"_Start\"",
        "\"MINUTES_\" DOUBLE",
        "CREATE STREAM IF NOT EXISTS PREDICTED_DELIVERY_MINUTES (",
    ] {
        assert!(sql.text().contains(expected), "{expected}: {}", sql.text());
    }
}

/// Rows with a category of many levels, and perhaps one of a few.
fn levels(with_kind: bool) -> Case {
    let header = if with_kind {
        "x,shop,kind,y"
    } else {
        "x,shop,y"
    };
    let text = rows(header, 600, |n| {
        let (shop, kind) = (n * 7 % 25, n % 3);
        let y = 20.0 + 3.0 * noise(n) + noise(shop * 1000) * 8.0 + 5.0 * kind as f64;
        match with_kind {
            true => format!("{},shop {shop},kind {kind},{y}", noise(n)),
            false => format!("{},shop {shop},{y}", noise(n)),
        }
    });
    Case::new(&text, "y")
}

#[test]
fn rows_of_unseen_levels_trigger_with_random_intercepts() {
    for (with_kind, declared, selected) in [
        (
            false,
            "\"Unseenshop\" BOOLEAN>",
            "P.\"Prediction\"->\"Unseenshop\" = TRUE",
        ),
        (
            true,
            "\"Unseen\" ARRAY<VARCHAR>>",
            "P.\"Prediction\"->\"Unseen\"[1] IS NOT NULL",
        ),
    ] {
        let case = levels(with_kind);
        let printed = case.run().unwrap();
        assert!(printed.contains("(1 | shop)"), "{printed}");
        let folder = case.folder();
        let sql = folder.sql(None).unwrap();
        let text = sql.text();
        assert!(text.contains(declared), "{text}");
        let selected = format!("    CASE WHEN {selected} THEN 1 ELSE 0 END AS \"Unseen\",");
        assert!(text.contains(&selected), "{text}");
        assert_eq!(sql.trigger_rule().unwrap().unseen, Some(3));
        let problems = pipeline_folder::check::problems(&folder);
        assert!(problems.is_empty(), "{problems:?}");
    }
}
