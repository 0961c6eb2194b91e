//! Which columns are used, and what is said about the others.

use pipeline::ErrorKind;

use crate::{Case, noise, rows};

fn odd_file() -> String {
    let header = "no,order_id,ordered,rain,always,empty,note,city,kind,few,twice,distance,minutes";
    rows(header, 200, |n| {
        let (city, kind) = (n % 40, ["a", "b"][usize::from(noise(n) > 0.5)]);
        let few = if n < 3 {
            "rare"
        } else if noise(n + 9) > 0.5 {
            "x"
        } else {
            "y"
        };
        let rain = if n % 5 == 0 {
            "NA".to_owned()
        } else {
            noise(n + 3).to_string()
        };
        let distance = 1.0 + 9.0 * noise(n + 1);
        let minutes = 10.0 + 3.0 * distance + noise(n + 2) + if kind == "a" { 5.0 } else { 0.0 };
        format!(
            "{n},{},2024-01-31 10:00,{rain},7,,note {n},city {city},{kind},{few},{},{distance},{minutes}",
            5000 - 3 * n,
            2.0 * distance
        )
    })
}

#[test]
fn a_table_says_what_was_done_with_each_column() {
    let case = Case::new(&odd_file(), "minutes");
    let text = case.run().unwrap();
    for (column, expected) in [
        ("no", "left out        numbers the rows"),
        ("order_id", "left out        an id, by its name"),
        (
            "ordered",
            "left out        a time; name it with --measured-at",
        ),
        ("rain", "left out        40 of 200 cells are missing"),
        ("always", "left out        constant: always 7"),
        ("empty", "left out        empty"),
        (
            "note",
            "left out        text: most rows have their own value",
        ),
        (
            "city",
            "not in formula  40 levels: city 0, city 1, city 10, …",
        ),
        ("kind", "category        2 levels: a, b"),
        ("few", "not in formula  3 levels: rare, x, y"),
        ("minutes", "predicted "),
    ] {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{column} ")));
        let line = line.unwrap_or_else(|| panic!("{column}: {text}"));
        assert!(line.contains(expected), "{line}");
    }
    // Either of two columns that determine each other is in the formula.
    assert_eq!(
        text.matches("determined by other columns").count(),
        1,
        "{text}"
    );
    let definition = case.folder().definition;
    assert_eq!(definition.inputs().count(), 2, "{text}");
    assert_eq!(definition.error, ErrorKind::Relative);
}

#[test]
fn a_category_with_many_levels_gets_random_intercepts() {
    let text = rows("x,shop,other,y", 400, |n| {
        let shop = n * 7 % 25;
        let y = 20.0 + 3.0 * noise(n) + noise(shop * 1000) * 8.0 + 0.2 * noise(n + 3);
        format!("{},shop {shop},o {},{y}", noise(n), n % 13)
    });
    let case = Case::new(&text, "y");
    let printed = case.run().unwrap();
    let formula = case.folder().definition.formula.to_string();
    assert_eq!(formula, "y ~ x + (1 | shop)", "{printed}");
    assert!(printed.contains("shop   (1 | …)"), "{printed}");
}

/// Rows of shops at random, which differ.
fn shops(levels: usize, count: usize) -> String {
    rows("x,ticket,shop,y", count, |n| {
        let shop = (noise(n + 77) * levels as f64) as usize;
        let y = 40.0 + 3.0 * noise(n) + noise(shop * 1000) * 20.0 + 0.2 * noise(n + 3);
        format!("{},ticket {n},shop {shop},{y}", noise(n))
    })
}

#[test]
fn the_whole_file_decides_on_a_category_with_many_levels() {
    for (first, expected) in [(None, 600), (Some(50), 50), (Some(1000), 1000)] {
        let mut case = Case::new(&shops(500, 3000), "y");
        case.args.first = first;
        let printed = case.run().unwrap();
        let definition = case.folder().definition;
        let formula = definition.formula.to_string();
        assert_eq!(formula, "y ~ x + (1 | shop)", "{printed}");
        assert!(printed.contains("…; more than 10 levels"), "{printed}");
        // A value of its own in every row identifies the row.
        assert!(
            printed.contains("ticket  left out   text: most rows have their own value"),
            "{printed}"
        );
        let skip = definition.feed.as_ref().map(|feed| feed.skip);
        assert_eq!(skip, Some(expected), "{printed}");
    }
}

#[test]
fn a_group_with_many_levels_gets_random_intercepts() {
    let mut case = Case::new(&shops(500, 3000), "y");
    case.args.group = Some("shop".into());
    let printed = case.run().unwrap();
    let definition = case.folder().definition;
    let formula = definition.formula.to_string();
    assert_eq!(formula, "y ~ x + (1 | shop)", "{printed}");
    assert_eq!(definition.group().map(|group| &*group.name), Some("shop"));

    // A formula of the user gets as many rows.
    case = Case::new(&shops(500, 3000), "y");
    case.args.formula = Some("y ~ x + (1 | shop)".parse().unwrap());
    let printed = case.run().unwrap();
    let skip = case.folder().definition.feed.as_ref().map(|feed| feed.skip);
    assert_eq!(skip, Some(600), "{printed}");

    let mut case = Case::new(&shops(20, 600), "y");
    case.args.formula = Some("y ~ x + shop".parse().unwrap());
    case.args.first = Some(200);
    let printed = case.run().unwrap();
    assert!(
        printed.contains("shop    category   20 levels: shop 0, shop 1, shop 10, …\n"),
        "{printed}"
    );
}

#[test]
fn a_target_with_zeros_is_compared_by_absolute_errors() {
    let text = rows("x,y", 200, |n| {
        format!("{},{}", noise(n), 10.0 * noise(n) - 5.0 + noise(n + 3))
    });
    let case = Case::new(&text, "y");
    let printed = case.run().unwrap();
    assert!(
        printed.contains("absolute, because the target has values of zero or less"),
        "{printed}"
    );
    assert_eq!(case.folder().definition.error, ErrorKind::Absolute);
    let sql = case.text("ksql/pipeline.sql");
    assert!(
        sql.contains("    ABS(P.\"Prediction\"->\"y\" - A.\"y\") AS \"Error\","),
        "{sql}"
    );
    assert!(!sql.contains("WHERE A."), "{sql}");
}

#[test]
fn forty_numbers_are_too_many_for_fifty_rows() {
    let names: Vec<String> = (0..40).map(|n| format!("x{n}")).collect();
    let header = format!("{},y", names.join(","));
    let text = rows(&header, 300, |n| {
        let cells: Vec<f64> = (0..40)
            .map(|column| noise(n * 41 + column * column + 1))
            .collect();
        let y = 10.0 + 5.0 * cells[3] + cells[17] + 0.1 * noise(n);
        let cells: Vec<String> = cells.iter().map(f64::to_string).collect();
        format!("{},{y}", cells.join(","))
    });
    let case = Case::new(&text, "y");
    let printed = case.run().unwrap();
    let definition = case.folder().definition;
    assert_eq!(definition.inputs().count(), 15, "{printed}");
    assert!(
        definition.inputs().any(|column| column.name == "x3"),
        "{printed}"
    );
    assert_eq!(definition.columns().len(), 41);
    assert!(
        printed.contains("50 rows are enough for 16 coefficients"),
        "{printed}"
    );
}

#[test]
fn a_file_or_column_that_cannot_be_used_is_refused_with_the_reason() {
    let good = rows("x,kind,y", 100, |n| {
        format!("{},{},{}", noise(n), n % 2, 1.0 + noise(n + 2))
    });
    let with = |change: &dyn Fn(&mut Case)| {
        let mut case = Case::new(&good, "y");
        change(&mut case);
        let error = case.run().expect_err("refused");
        assert!(!case.args.dir.exists(), "nothing is written");
        error
    };
    let error = with(&|case| case.args.target = "z".into());
    assert!(
        error.contains("no column `z`; it has x, kind, y"),
        "{error}"
    );
    let error = with(&|case| case.args.key = Some("kind".into()));
    assert!(
        error.contains("the key kind `0` is already on line 2"),
        "{error}"
    );
    let error = with(&|case| case.args.group = Some("x".into()));
    assert!(
        error.contains("`x` is a number; only a category can be the group"),
        "{error}"
    );
    let error = with(&|case| case.args.formula = Some("x ~ y".parse().unwrap()));
    assert!(
        error.contains("predicts `x`, and --target is `y`"),
        "{error}"
    );
    let error = with(&|case| case.args.first = Some(100));
    assert!(
        error.contains("100 of 100 rows can be used, and the first 100 train"),
        "{error}"
    );

    for (text, expected) in [
        (
            rows("x,y", 60, |n| format!("{n}.5,\"1,{:03}\"", n % 999)),
            "line 2: `y` is `1,000`, which has a thousands separator",
        ),
        (
            rows("x,y", 60, |n| format!("{n}.5,word")),
            "only numbers can be predicted, and it has texts such as `word` in line 2",
        ),
        (
            rows("x,y", 60, |n| format!("{n}.5,3")),
            "`y` cannot be used: constant: always 3",
        ),
        (
            rows("x,y,x", 60, |n| format!("{n}.5,3,4")),
            "the column `x` twice",
        ),
    ] {
        let error = Case::new(&text, "y").run().unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
