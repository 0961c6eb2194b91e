//! What is in the SVG, and where.

use pipeline::Definition;
use report::{RecordRow, Report};
use resvg::usvg::roxmltree::{Document, Node};

use super::sample::{Run, Stretch, plan, version};
use crate::{Figure, Size, Theme};

fn svg(figure: Figure, report: &Report) -> String {
    figure.svg(report, Theme::Auto, Size::default()).unwrap()
}

fn of_class<'a, 'd: 'a>(svg: &'a Document<'d>, class: &'a str) -> Vec<Node<'a, 'd>> {
    let with = move |node: &Node<'_, '_>| {
        let classes = node.attribute("class").unwrap_or_default();
        classes.split(' ').any(|one| one == class)
    };
    // The legend has the same classes as the plot.
    let in_legend = |node: &Node<'_, '_>| {
        node.ancestors()
            .any(|one| one.attribute("class") == Some("legend"))
    };
    svg.descendants()
        .filter(|node| with(node) && !in_legend(node))
        .collect()
}

fn number(node: &Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

fn texts(svg: &Document<'_>) -> Vec<String> {
    let texts = svg.descendants().filter(|node| node.has_tag_name("text"));
    texts
        .filter_map(|node| node.children().next_back()?.text().map(str::to_owned))
        .collect()
}

/// Where the point of a fish is: the middle of its shape.
fn place(svg: &Document<'_>, fish: usize) -> (f64, f64) {
    let points = of_class(svg, "point");
    let fish = fish.to_string();
    let point = points
        .iter()
        .find(|node| node.attribute("data-fish") == Some(&fish))
        .unwrap();
    let d = point.attribute("d").unwrap();
    let numbers: Vec<f64> = d
        .split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .filter_map(|part| part.parse().ok())
        .collect();
    if d.contains('a') {
        // A circle, drawn from its left end with an arc of this radius.
        return (numbers[0] + numbers[2], numbers[1]);
    }
    let mean = |from: usize| {
        let values = numbers.iter().skip(from).step_by(2);
        values.clone().sum::<f64>() / values.count() as f64
    };
    (mean(0), mean(1))
}

#[test]
fn a_retraining_is_drawn_at_its_fish() {
    let text = svg(Figure::Model, &Run::of(&plan()));
    let svg = Document::parse(&text).unwrap();
    let place = |class: &str| -> Vec<(String, String)> {
        let attribute = |node: &Node<'_, '_>, name| node.attribute(name).unwrap().to_owned();
        of_class(&svg, class)
            .iter()
            .map(|node| (attribute(node, "data-first"), attribute(node, "data-last")))
            .collect()
    };
    let pair = |first: &str, last: &str| (first.to_owned(), last.to_owned());
    assert_eq!(place("window"), [pair("46", "75"), pair("76", "80")]);
    assert_eq!(place("training"), [pair("26", "75")]);
    assert_eq!(place("recovery"), [pair("61", "81")]);
    assert_eq!(place("model"), [pair("1", "80"), pair("81", "180")]);
    let retrained = of_class(&svg, "retrained");
    assert_eq!(retrained.len(), 1);
    assert_eq!(retrained[0].attribute("data-after"), Some("80"));
    let first = of_class(&svg, "first");
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].attribute("data-fish"), Some("81"));
}

#[test]
fn a_retraining_has_the_pixels_of_its_fish() {
    let text = svg(Figure::Model, &Run::of(&plan()));
    let svg = Document::parse(&text).unwrap();
    let (before, _) = place(&svg, 80);
    let (after, _) = place(&svg, 81);
    let line = number(&of_class(&svg, "retrained")[0], "x1");
    assert!(before < line && line < after, "{before} < {line} < {after}");
    let ring = number(&of_class(&svg, "first")[0], "cx");
    assert!((ring - after).abs() < 4.0, "{ring} and {after}");
    let window = &of_class(&svg, "window")[0];
    let (left, right) = (
        number(window, "x"),
        number(window, "x") + number(window, "width"),
    );
    let inside = |fish| left < place(&svg, fish).0 && place(&svg, fish).0 < right;
    assert!(inside(46) && inside(75) && !inside(45) && !inside(76));
}

#[test]
fn a_fish_is_above_the_line_if_its_error_is_above_the_threshold() {
    let report = Run::of(&plan());
    let text = svg(Figure::Errors, &report);
    let svg = Document::parse(&text).unwrap();
    let threshold = number(&of_class(&svg, "threshold")[0], "y1");
    assert_eq!(of_class(&svg, "point").len(), 180);
    for (at, row) in report.record_rows.iter().enumerate() {
        let (_, y) = place(&svg, at + 1);
        assert_eq!(
            y < threshold,
            row.error.unwrap() > report.threshold,
            "fish {}",
            at + 1
        );
    }
}

#[test]
fn species_versions_and_outcomes_are_written_out() {
    let text = svg(Figure::Model, &Run::of(&plan()));
    let svg = Document::parse(&text).unwrap();
    let texts = texts(&svg);
    for expected in [
        version(0).as_str(),
        version(1).as_str(),
        "salmon",
        "walleye",
        "threshold 15 %",
        "50 rows",
        "20 fish, 40 s",
        "retrained in 13 ms, activated",
        "superseded",
    ] {
        assert!(
            texts.iter().any(|text| text == expected),
            "{expected} in {texts:?}"
        );
    }
    let description = svg
        .descendants()
        .find(|node| node.has_tag_name("desc"))
        .unwrap();
    let description = description.text().unwrap();
    assert!(description.contains("15 walleye off by"), "{description}");
}

#[test]
fn a_long_id_shows_its_end_and_has_a_tooltip() {
    let mut report = Run::of(&plan());
    for row in &mut report.record_rows {
        row.id = format!("line-3/7f1c9e52-{:03}", row.id.parse::<u32>().unwrap());
    }
    let text = svg(Figure::Errors, &report);
    let svg = Document::parse(&text).unwrap();
    // Fish 21 is the first that was measured at a whole minute.
    assert!(
        texts(&svg)
            .iter()
            .any(|text| text.starts_with('…') && text.ends_with("-021"))
    );
    let mut titles = svg.descendants().filter(|node| node.has_tag_name("title"));
    assert!(titles.any(|title| title.text() == Some("line-3/7f1c9e52-021")));
}

fn description(text: &str) -> String {
    let svg = Document::parse(text).unwrap();
    let found = svg.descendants().find(|node| node.has_tag_name("desc"));
    found.unwrap().text().unwrap().to_owned()
}

#[test]
fn a_report_of_the_newest_fish_keeps_their_ids() {
    let report = Run::of(&plan()).newest(115);
    for figure in [Figure::Model, Figure::Errors] {
        let text = svg(figure, &report);
        let svg = Document::parse(&text).unwrap();
        let texts = texts(&svg);
        for id in ["80", "100", "180"] {
            assert!(texts.iter().any(|text| text == id), "{id} in {texts:?}");
        }
        assert!(
            !texts.iter().any(|text| text == "20" || text == "60"),
            "{texts:?}"
        );
        let points = of_class(&svg, "point");
        let ids: Vec<_> = points
            .iter()
            .map(|node| node.attribute("data-fish"))
            .collect();
        assert_eq!((ids[0], ids[114]), (Some("66"), Some("180")));
    }
    assert!(description(&svg(Figure::Model, &report)).contains("fish 66 to 75: mean error"));
    let errors = description(&svg(Figure::Errors, &report));
    assert!(errors.contains("Fish 66 to 120 are walleye"), "{errors}");
}

#[test]
fn a_description_is_short_and_lists_the_newest() {
    let species: Vec<String> = (0..12).map(|number| format!("species {number}")).collect();
    let plan: Vec<_> = (0..60)
        .map(|at| Stretch::new(&species[at % 12], 30, 1.0 + (at % 12) as f64))
        .collect();
    let report = Run::of(&plan);
    for (figure, things) in [
        (
            Figure::Errors,
            "The newest 5 of 60 runs of one species: Fish 1651 to 1680 are",
        ),
        (Figure::Model, " windows that triggered: Window from"),
        (Figure::Weights, " model versions: Model "),
    ] {
        let text = description(&svg(figure, &report));
        assert!(text.contains(things), "{text}");
        let long = text.chars().count();
        assert!(long < 1_500, "{figure:?}: {long} characters");
    }
}

#[test]
fn a_run_without_a_retraining_says_so() {
    let text = svg(Figure::Model, &Run::of(&plan()[..1]));
    let svg = Document::parse(&text).unwrap();
    for class in ["window", "training", "retrained", "first", "recovery"] {
        assert!(of_class(&svg, class).is_empty(), "{class}");
    }
    assert!(
        texts(&svg)
            .iter()
            .any(|text| text.contains("None of these fish was in a window"))
    );
}

#[test]
fn each_version_has_a_panel() {
    let text = svg(Figure::Weights, &Run::of(&plan()));
    let svg = Document::parse(&text).unwrap();
    let panels = of_class(&svg, "panel");
    let versions: Vec<_> = panels
        .iter()
        .map(|panel| panel.attribute("data-version").unwrap())
        .collect();
    assert_eq!(versions, [version(0), version(1)]);
    assert_eq!(of_class(&svg, "point").len(), 180);
}

#[test]
fn markup_in_names_is_escaped_and_long_names_are_cut() {
    let name = "<script>\"&'</script> \u{1} and so on to the sixty-fourth letter";
    let plan = [
        Stretch::new(name, 60, 4.6),
        Stretch::new("]]>", 20, 2.3),
        Stretch::new(name, 9, 4.6),
    ];
    let report = Run::of(&plan);
    for figure in Figure::ALL {
        let text = svg(figure, &report);
        assert!(!text.contains("<script"), "{figure:?}");
        let svg = Document::parse(&text).unwrap();
        let shown = name.replace('\u{1}', "\\u{1}");
        let texts = texts(&svg);
        assert!(
            texts.iter().any(|text| text.ends_with('…')),
            "{figure:?}: {texts:?}"
        );
        let titles = svg.descendants().filter(|node| node.has_tag_name("title"));
        let mut titles = titles.filter_map(|node| node.text());
        assert!(titles.any(|title| title.contains(&shown)), "{figure:?}");
    }
}

#[test]
fn outliers_are_drawn_at_the_edge_and_counted() {
    let mut report = Run::of(&plan()[..1]);
    report.record_rows[30].error = Some(80.0);
    let text = svg(Figure::Errors, &report);
    let svg = Document::parse(&text).unwrap();
    assert!(
        texts(&svg)
            .iter()
            .any(|text| text.contains("1 fish above the scale, up to 8000 %")),
        "{:?}",
        texts(&svg)
    );
    // The other fish still fill the plot.
    let axis = of_class(&svg, "axis")
        .iter()
        .map(|line| number(line, "y1"))
        .fold(0.0, f64::max);
    let threshold = number(&of_class(&svg, "threshold")[0], "y1");
    assert!(axis - threshold > 100.0, "{threshold} above {axis}");
}

#[test]
fn many_fish_are_drawn_by_columns_of_pixels() {
    let mut report = Run::of(&plan()[..1]);
    let rows = report.record_rows.clone();
    report.record_rows = (0..20_000)
        .map(|at| RecordRow {
            id: at.to_string(),
            ..rows[at % rows.len()].clone()
        })
        .collect();
    report.record_rows[10_000].error = Some(0.2);
    for figure in Figure::ALL {
        let text = svg(figure, &report);
        assert!(text.len() < 400_000, "{figure:?}: {} bytes", text.len());
    }
    let text = svg(Figure::Errors, &report);
    let svg = Document::parse(&text).unwrap();
    for class in ["range", "quartiles", "mean"] {
        let paths = of_class(&svg, class);
        let columns = paths[0].attribute("d").unwrap().matches('M').count();
        assert!(
            (500..1_000).contains(&columns),
            "{columns} columns of {class}"
        );
    }
    // The only error above the threshold is a point.
    let above = of_class(&svg, "point");
    let points: usize = above
        .iter()
        .map(|path| path.attribute("d").unwrap_or_default().matches('M').count())
        .sum();
    assert_eq!(points, 1);
}

#[test]
fn nothing_leaves_the_picture_at_any_size() {
    let mut long = Vec::new();
    for stretch in 0..30 {
        long.push(Stretch::new(
            ["salmon", "walleye", "char"][stretch % 3],
            80,
            [4.6, 2.3, 1.2][stretch % 3],
        ));
    }
    let plans = [vec![], vec![Stretch::new("salmon", 1, 4.6)], plan(), long];
    for report in plans.iter().map(|plan| Run::of(plan)) {
        for (width, height) in [(320, 320), (480, 480), (960, 560), (2000, 400)] {
            for figure in Figure::ALL {
                let size = Size::new(width, height).unwrap();
                let text = figure.svg(&report, Theme::Light, size).unwrap();
                assert!(!text.contains("NaN") && !text.contains("inf"));
                let svg = Document::parse(&text).unwrap();
                for node in svg.descendants() {
                    for (name, limit) in
                        [("x", width), ("y", height), ("x2", width), ("y2", height)]
                    {
                        let Some(value) = node
                            .attribute(name)
                            .and_then(|text| text.parse::<f64>().ok())
                        else {
                            continue;
                        };
                        let range = 0.0..=f64::from(limit);
                        assert!(
                            range.contains(&value),
                            "{figure:?} {width}x{height}: {node:?}"
                        );
                    }
                    let high = node
                        .attribute("height")
                        .and_then(|text| text.parse::<f64>().ok());
                    assert!(high.is_none_or(|high| high >= 0.0));
                }
            }
        }
    }
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let json = serde_json::to_vec(&Run::of(&plan())).unwrap();
    let (one, other): (Report, Report) = (
        Report::from_json(Definition::shipped(), &json).unwrap(),
        Report::from_json(Definition::shipped(), &json).unwrap(),
    );
    for figure in Figure::ALL {
        assert_eq!(svg(figure, &one), svg(figure, &other));
        let small = Size::new(320, 320).unwrap();
        let png = |report| figure.png(report, Theme::Dark, small).unwrap();
        assert!(png(&one) == png(&other), "{figure:?}");
    }
}
