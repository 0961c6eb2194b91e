//! The program from a user's view: exit codes, files, messages.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use model_store::SqliteStore;
use pipeline::Definition;

pub(crate) fn catchweight(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_catchweight"));
    command
        .args(arguments)
        .env_remove("RUST_LOG")
        .output()
        .expect("the program starts")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

/// The lines of a file with thirty char.
fn thirty_char(header: &str, row: impl Fn(usize, f64, f64, f64) -> String) -> String {
    let mut text = format!("{header}\n");
    for n in 0..30 {
        let wave = |k: usize| ((n * k) % 11) as f64 / 10.0;
        let (length, height) = (80.0 + wave(7), 17.5 + wave(3));
        let weight = 0.07 * length + 0.06 * height + (wave(5) - 0.5) / 20.0;
        text.push_str(&row(n + 1, length, height, weight));
        text.push('\n');
    }
    text
}

#[test]
fn own_fish_with_an_own_model_are_steady() {
    let folder = tempfile::tempdir().expect("a folder");
    let fish = thirty_char(
        "Fish_Id,Species,Length,Height,Weight",
        |id, length, height, weight| format!("{id},char,{length},{height},{weight:.4}"),
    );
    let rows = thirty_char(
        "species,length,height,weight",
        |_, length, height, weight| format!("char,{length},{height},{weight:.4}"),
    );
    let fish = write(folder.path(), "fish.csv", &fish);
    let rows = write(folder.path(), "rows.csv", &rows);
    let report = folder.path().join("report.json");
    let output = catchweight(&[
        "demo",
        "--port",
        "0",
        "--ksql-port",
        "0",
        "--monitor-port",
        "0",
        "--speed",
        "30",
        "--input",
        &fish,
        "--training-data",
        &rows,
        "--report",
        report.to_str().expect("UTF-8"),
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        !stdout.contains("seed"),
        "fish of a file have no seed: {stdout}"
    );
    let progress: Vec<_> = stdout
        .lines()
        .filter(|line| line.starts_with("measured"))
        .collect();
    let written = progress.len();
    let once: std::collections::HashSet<_> = progress.into_iter().collect();
    assert_eq!(once.len(), written, "each state is printed once: {stdout}");
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(report).expect("a report")).expect("JSON");
    assert_eq!(report["verdict"], "steady");
    assert_eq!(report["fish"]["stored"], 30);
    assert_eq!(report["fish_rows"][0]["species"], "char");
}

#[test]
fn a_named_port_that_is_taken_is_a_usage_error() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = catchweight(&["demo", "--port", &port]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains(&port), "{}", stderr(&output));
}

#[test]
fn a_bad_line_of_own_fish_is_a_usage_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "Fish_Id,Species,Length,Height,Weight\n1,salmon,80,19,4\n2,salmon,abc,19,4\n";
    let fish = write(folder.path(), "fish.csv", text);
    let output = catchweight(&["--input", &fish]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("line 3"), "{}", stderr(&output));
}

#[test]
fn a_folder_in_use_is_a_usage_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let held = std::fs::File::create(folder.path().join("lock")).expect("a file");
    held.lock().expect("a lock");
    let output = catchweight(&[
        "--data-dir",
        folder.path().to_str().expect("UTF-8"),
        "--plan",
        "salmon:1",
    ]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("is in use"), "{}", stderr(&output));
}

#[test]
fn wrong_plans_and_files_are_usage_errors_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let rule = "CREATE STREAM A (N INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');";
    let no_rule = write(folder.path(), "no-rule.sql", rule);
    let unparsed = write(
        folder.path(),
        "unparsed.sql",
        "SET 'a'='b';\nCREATE NONSENSE;",
    );
    let shipped = include_str!("../../../../ksql/pipeline.sql");
    let of_nothing = format!("SELECT * FROM NOWHERE EMIT CHANGES; {shipped}");
    let unplanned = write(folder.path(), "unplanned.sql", &of_nothing);
    let unused = folder.path().join("unused").display().to_string();
    let mistyped = format!("sqlite:{}", folder.path().join("stroe.sqlite").display());
    for (arguments, named) in [
        (&["--plan", "trout:3"][..], "trout"),
        (&["--input", "no-such-file.csv"], "no-such-file.csv"),
        (
            &["--training-data", "no-such-file.csv", "--port", "0"],
            "no-such-file.csv",
        ),
        (&["--sql", "no-such-file.sql"], "no-such-file.sql"),
        (
            &["--sql", &no_rule],
            "no-rule.sql: no statement writes the topic `weight-retrain`",
        ),
        (&["--sql", &unparsed], "unparsed.sql: line 2, column 8: "),
        (&["--sql", &unplanned], "unplanned.sql: line 1, column 15: "),
        (&["--connectors", "no-such-folder"], "no-such-folder"),
        (&["--repeat"], "--repeat"),
        (&["--weigh-delay", "61s"], "--weigh-delay 61s"),
        (
            &["up", "--weigh-delay", "61s", "--data-dir", &unused],
            "--weigh-delay 61s",
        ),
        (
            &["verify", "--store", &mistyped, "-X", "nonsense=1"],
            "Kafka property `nonsense`: ",
        ),
        (
            &["verify", "--store", &mistyped],
            "stroe.sqlite: the store failed: No such file",
        ),
    ] {
        let output = catchweight(arguments);
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        let error: Vec<&str> = stderr
            .lines()
            .filter(|line| line.starts_with("error:"))
            .collect();
        assert_eq!(error.len(), 1, "{arguments:?}: {stderr}");
        assert!(error[0].contains(named), "{arguments:?}: {stderr}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .collect();
    assert_eq!(left.len(), 3, "no file was created: {left:?}");
}

#[test]
fn an_unreachable_broker_is_reported_with_its_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store.sqlite");
    SqliteStore::open(&store, Definition::shipped()).expect("a store");
    let store = format!("sqlite:{}", store.display());
    for arguments in [
        &["replay", "--topic", "machine-measurement-dlq"][..],
        &["verify", "--store", &store],
    ] {
        // Nothing listens on the discard port.
        let output = catchweight(&[arguments, &["--bootstrap-servers", "127.0.0.1:9"]].concat());
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let named = "error: Kafka at 127.0.0.1:9 does not answer";
        assert!(
            stderr.lines().any(|line| line.starts_with(named)),
            "{stderr}"
        );
    }
}

#[test]
fn an_invalid_log_filter_is_a_usage_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_catchweight"))
        .env("RUST_LOG", "=a=b=")
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("RUST_LOG"), "{}", stderr(&output));
}
