//! The subcommand, and the files that it writes.

use std::fs;
use std::path::Path;

use clap::Parser;
use service_runtime::UsageError;

use super::sample::{Run, plan};
use crate::PlotArgs;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: PlotArgs,
}

fn run(words: &[&str]) -> anyhow::Result<()> {
    let words = ["plot"].iter().chain(words);
    crate::run(&Cli::try_parse_from(words)?.args)
}

/// The error message; the error must be a usage error (exit code 2).
fn rejected(words: &[&str]) -> String {
    let error = run(words).unwrap_err();
    assert!(
        error.chain().any(|cause| cause.is::<UsageError>()),
        "{error:#}"
    );
    format!("{error:#}")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_command_draws_the_chosen_figure() {
    let dir = tempfile::tempdir().unwrap();
    let (report, output) = (dir.path().join("report.json"), dir.path().join("a.svg"));
    fs::write(&report, serde_json::to_vec(&Run::of(&plan())).unwrap()).unwrap();
    run(&[text(&report), "-o", text(&output), "--figure", "model"]).unwrap();
    assert!(
        fs::read_to_string(&output)
            .unwrap()
            .contains("Drift, retraining and recovery")
    );
    let output = dir.path().join("a.PNG");
    run(&[
        text(&report),
        "-o",
        text(&output),
        "--theme",
        "dark",
        "--width",
        "480",
    ])
    .unwrap();
    let size = resvg::tiny_skia::Pixmap::decode_png(&fs::read(&output).unwrap()).unwrap();
    assert_eq!((size.width(), size.height()), (480, 560));
}

#[test]
fn an_invalid_report_is_rejected_with_file_and_field() {
    let dir = tempfile::tempdir().unwrap();
    let (report, output) = (dir.path().join("report.json"), dir.path().join("a.svg"));
    let words = [text(&report), "-o", text(&output)];
    assert!(rejected(&words).contains("cannot read the report"));
    for (not, why) in [
        ("", "EOF while parsing"),
        ("fish,error\n1,0.2\n", "line 1 column 2"),
        ("[]", "`fish_rows` is missing"),
        ("{}", "`fish_rows` is missing"),
        (
            "{\"fish_rows\":[],\"verdict\":\"fine\"}",
            "verdict: unknown variant `fine`",
        ),
    ] {
        fs::write(&report, not).unwrap();
        let error = rejected(&words);
        assert!(error.contains("report.json is not a report"), "{error}");
        assert!(error.contains(why) && !error.contains('\n'), "{error}");
    }
    let mut more = serde_json::to_vec(&Run::of(&plan())).unwrap();
    more.extend(b"{}");
    fs::write(&report, more).unwrap();
    assert!(rejected(&words).contains("trailing characters"));
    let mut broken = serde_json::to_value(Run::of(&plan())).unwrap();
    broken["fish_rows"][7]["error"] = "much".into();
    fs::write(&report, broken.to_string()).unwrap();
    assert!(rejected(&words).contains("fish_rows[7].error"));
    broken["fish_rows"][7]["error"] = (-1.0).into();
    fs::write(&report, broken.to_string()).unwrap();
    assert!(rejected(&words).contains("fish_rows[7].error is -1"));
    assert!(!output.exists());
}

#[test]
fn a_picture_that_cannot_be_written_is_a_usage_error() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report.json");
    fs::write(&report, serde_json::to_vec(&Run::of(&plan())).unwrap()).unwrap();
    let nowhere = dir.path().join("none/a.svg");
    let error = rejected(&[text(&report), "-o", text(&nowhere)]);
    assert!(
        error.contains("none/a.svg: cannot write the file: No such file"),
        "{error}"
    );
    let folder = dir.path().join("folder.png");
    fs::create_dir(&folder).unwrap();
    let error = rejected(&[text(&report), "-o", text(&folder)]);
    assert!(
        error.contains("folder.png: cannot write the file"),
        "{error}"
    );
}

#[test]
fn a_report_without_fish_becomes_a_picture() {
    let dir = tempfile::tempdir().unwrap();
    let (report, output) = (dir.path().join("report.json"), dir.path().join("a.svg"));
    fs::write(&report, serde_json::to_vec(&Run::of(&[])).unwrap()).unwrap();
    for figure in ["errors", "model", "weights"] {
        run(&[text(&report), "-o", text(&output), "--figure", figure]).unwrap();
        let svg = fs::read_to_string(&output).unwrap();
        assert!(svg.contains("No fish was "), "{svg}");
    }
}

#[test]
fn an_invalid_size_or_extension_is_rejected() {
    let rejected = |more: &[&str]| rejected(&[&["none.json"], more].concat());
    assert!(rejected(&["-o", "a.gif"]).contains("ends in .svg or .png"));
    assert!(rejected(&["-o", "svg"]).contains("ends in .svg or .png"));
    assert!(rejected(&["-o", "a.svg", "--width", "10"]).contains("between 320 and 8192"));
}

#[test]
fn all_figures_are_written_into_a_new_directory() {
    let dir = tempfile::tempdir().unwrap();
    let plots = dir.path().join("new/plots");
    let written = crate::write_all(&Run::of(&plan()), &plots).unwrap();
    let names: Vec<_> = written
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    let expected = [
        "errors.svg",
        "errors.png",
        "model.svg",
        "model.png",
        "weights.svg",
        "weights.png",
    ];
    assert_eq!(names, expected);
    assert!(
        written
            .iter()
            .all(|path| fs::metadata(path).unwrap().len() > 5_000)
    );
}
