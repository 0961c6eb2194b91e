//! The command: reads the file, chooses, writes, and prints what it did.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use csv_rows::CsvRows;
use feed::rows::{Cell, FeedRow, FeedRows};
use feed::schedule::Schedule;
use pipeline::{Definition, ErrorKind};
use pipeline_folder::ConnectorFile;
use regression::Formula;
use service_runtime::UsageError;

use crate::columns::{self, Choice, Role, Wishes};
use crate::files::connectors;
use crate::files::names::{Fields, RecordName};
use crate::files::sql::{self, SqlSettings, StreamNames};
use crate::files::toml::{ColumnSettings, FeedSettings, Settings};
use crate::levels::LevelSums;
use crate::model;
use crate::spans::Spans;
use crate::stretches;
use crate::summary::Summary;
use crate::survey::Survey;
use crate::table;

/// The rows of the first model, unless the user or the levels of `(1 | column)` say otherwise.
const FIRST: u16 = 50;
/// With `(1 | column)`, the first model has this many rows for each level, but not fewer than [`FIRST`].
const FIRST_ROWS_PER_LEVEL: u64 = 5;
/// The first model has at most this fraction of the rows of the file: a fifth.
const FIRST_PART: u64 = 5;
/// The first model has at most as many rows as a training.
const MOST_FIRST: u64 = 5_000;

/// Settings of `init`.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct InitArgs {
    /// The folder to write; the records are named after it
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,

    /// The CSV file with the rows
    #[arg(long, value_name = "ROWS.csv")]
    pub from: PathBuf,

    /// The column that is predicted
    #[arg(long, value_name = "COLUMN")]
    pub target: String,

    /// The column that identifies a row [default: the number of the row]
    #[arg(long, value_name = "COLUMN")]
    pub key: Option<String>,

    /// The category by which reports, pictures and training rows are grouped
    #[arg(long, value_name = "COLUMN")]
    pub group: Option<String>,

    /// The model, such as "minutes ~ distance + district" [default: all columns that suit]
    #[arg(long)]
    pub formula: Option<Formula>,

    /// The column with the time at which a row is known [default: a row every two seconds]
    #[arg(long, value_name = "COLUMN")]
    pub measured_at: Option<String>,

    /// The column with the time at which the target is known [default: ten seconds later]
    #[arg(long, value_name = "COLUMN", requires = "measured_at")]
    pub actual_at: Option<String>,

    /// How many rows train the first model; they are not sent [default: 50; with `(1 | column)`, five for each
    /// level, but at least 50 and at most a fifth of the file or 5000]
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u16).range(10..=10_000))]
    pub first: Option<u16>,
}

/// Everything that is written.
struct Files {
    texts: Vec<(PathBuf, Vec<u8>)>,
    /// The rows, unless they are in the folder already.
    copy: Option<(PathBuf, PathBuf)>,
}

/// Writes the folder and prints what it did.
///
/// # Errors
/// The file or a column cannot be used, or the folder has such files already.
pub fn run(args: &InitArgs, out: &mut impl Write) -> Result<(), UsageError> {
    let own_file = own_file(&args.dir, &args.from);
    refuse_overwriting(&args.dir, own_file.is_none())?;
    let formula_columns = args.formula.as_ref().map(columns_of);
    check_formula(args)?;

    let mut rows = CsvRows::open(&args.from).map_err(usage)?;
    let survey = Survey::read(&mut rows).map_err(usage)?;
    let header = rows.header().to_vec();
    let name = |wanted: &String| named(&rows, wanted);
    let wishes = Wishes {
        key: args.key.as_ref().map(name),
        target: name(&args.target),
        times: args
            .measured_at
            .iter()
            .chain(&args.actual_at)
            .map(name)
            .collect(),
        needed: formula_columns
            .iter()
            .flatten()
            .chain(&args.group)
            .map(name)
            .collect(),
        grouped: args.formula.as_ref().map(|formula| {
            let group = formula.group().map(str::to_owned);
            group.iter().map(name).next()
        }),
    };
    let format = rows.format();
    drop(rows);
    let refused = |reason: String| UsageError(format!("{}: {reason}", args.from.display()));
    let choices = columns::choose(&survey, &wishes).map_err(refused)?;

    let mut settings = settings(args, &survey, &choices, &wishes, &header)?;
    let file = own_file
        .clone()
        .unwrap_or_else(|| PathBuf::from("rows.csv"));
    settings.feed.file = file.display().to_string();
    // First with all columns, to find out which ones suit.
    let mut dropped = Vec::new();
    let mut formula_names = formula_columns.unwrap_or_default();
    let mut group = wishes.grouped.clone().flatten();
    if args.formula.is_none() {
        let (definition, mut schedule) = open(&settings, &args.from)?;
        let grouped = choices.iter().filter(|choice| choice.role == Role::Grouped);
        let mut grouped: Vec<LevelSums> = grouped
            .map(|choice| LevelSums::of(definition, &choice.name))
            .collect();
        let first = args.first.unwrap_or(FIRST);
        let stretches = stretches::read(&mut schedule, first, |row| {
            grouped.iter_mut().for_each(|sums| sums.add(row));
        });
        let stretches = stretches.map_err(usage)?;
        let chosen = model::choose(definition, &grouped, &stretches, first.into());
        settings.formula = model::formula(&wishes.target, &chosen.columns, chosen.grouped.as_ref())
            .map_err(usage)?
            .to_string();
        (formula_names, dropped) = (chosen.columns, chosen.dropped);
        formula_names.extend(chosen.grouped.clone());
        group = chosen.grouped;
    }
    let (definition, mut schedule) = open(&settings, &args.from)?;
    let levels = group.map_or(0, |column| survey.levels(&column));
    let first = args
        .first
        .unwrap_or_else(|| first_for(levels, schedule.count()));
    check_rows(&schedule, &survey, first).map_err(refused)?;
    let stretches = stretches::read(&mut schedule, first, |_| {}).map_err(usage)?;
    let threshold = model::threshold(definition, &stretches).map_err(refused)?;
    let spans = Spans::of(&schedule);
    settings.feed.skip = first.into();
    let definition = parsed(&settings)?;

    let sql_settings = SqlSettings {
        spans,
        threshold: threshold.threshold,
    };
    let names = StreamNames::of(definition);
    let rows_of_first = stretches.first().map_or(&[][..], |one| &one.train);
    let mut texts = vec![
        ("pipeline.toml".into(), settings.text().into_bytes()),
        (
            "ksql/pipeline.sql".into(),
            sql::text(definition, &names, sql_settings).into_bytes(),
        ),
        (
            "first-rows.csv".into(),
            first_rows(definition, rows_of_first)?,
        ),
    ];
    for ConnectorFile { origin, text } in connectors::files(definition)? {
        texts.push((origin.into(), text.into_bytes()));
    }
    let files = Files {
        texts,
        copy: own_file
            .is_none()
            .then(|| (args.from.clone(), args.dir.join("rows.csv"))),
    };
    write(&args.dir, &files)?;

    let mut text = format!(
        "{}: {} rows; {format}\n",
        args.from.display(),
        survey.rows + survey.unusable.count()
    );
    let formula_names: Vec<&str> = formula_names.iter().map(String::as_str).collect();
    text += &table::columns(&with_reasons(choices, &dropped), &formula_names);
    text += "\n";
    let summary = Summary {
        first: first.into(),
        settings: &settings,
        schedule: &schedule,
        survey: &survey,
        spans,
        threshold,
        unit: definition.target().unit.as_deref(),
    };
    text += &summary.text();
    let paths: Vec<String> = files
        .texts
        .iter()
        .map(|(path, _)| path.display().to_string())
        .collect();
    let dir = args.dir.display();
    text += &format!("  written     {dir}: {}", paths.join(", "));
    if files.copy.is_some() {
        text += ", rows.csv (a copy)";
    }
    text += &format!("\n\nNext: cd {dir} && catchweight\n");
    // A closed standard output does not undo what was written.
    let _ = out.write_all(text.as_bytes());
    Ok(())
}

/// The number of rows of the first model, from the number of levels in `(1 | column)` and the rows of the file.
fn first_for(levels: usize, rows: u64) -> u16 {
    let wanted = (levels as u64 * FIRST_ROWS_PER_LEVEL)
        .min(rows / FIRST_PART)
        .min(MOST_FIRST);
    u16::try_from(wanted).unwrap_or(FIRST).max(FIRST)
}

fn usage(error: impl std::fmt::Display) -> UsageError {
    UsageError(error.to_string())
}

/// The columns that a formula uses.
fn columns_of(formula: &Formula) -> Vec<String> {
    formula.variables().into_iter().map(str::to_owned).collect()
}

fn check_formula(args: &InitArgs) -> Result<(), UsageError> {
    match &args.formula {
        Some(formula) if formula.response() != args.target => Err(UsageError(format!(
            "--formula \"{formula}\" predicts `{}`, and --target is `{}`; name the same column",
            formula.response(),
            args.target
        ))),
        _ => Ok(()),
    }
}

/// The name as in the header, where upper and lower case may differ.
fn named(rows: &CsvRows<fs::File>, wanted: &String) -> String {
    let found = rows
        .column(wanted)
        .and_then(|index| rows.header().get(index));
    found.unwrap_or(wanted).clone()
}

fn formula(target: &str, columns: &[String]) -> Result<String, UsageError> {
    let formula = Formula::new(target, columns.iter().cloned()).map_err(usage)?;
    Ok(formula.to_string())
}

/// The file's name if it is in the folder.
fn own_file(dir: &Path, file: &Path) -> Option<PathBuf> {
    let (dir, file) = (dir.canonicalize().ok()?, file.canonicalize().ok()?);
    (file.parent()? == dir)
        .then(|| file.file_name().map(PathBuf::from))
        .flatten()
}

fn refuse_overwriting(dir: &Path, copies: bool) -> Result<(), UsageError> {
    let own = ["pipeline.toml", "ksql", "connectors", "first-rows.csv"];
    let own = own.into_iter().chain(copies.then_some("rows.csv"));
    let existing: Vec<&str> = own.filter(|name| dir.join(name).exists()).collect();
    if existing.is_empty() {
        return Ok(());
    }
    Err(UsageError(format!(
        "{} has {} already; these files are yours now. Delete them or name another folder",
        dir.display(),
        existing.join(", ")
    )))
}

fn settings(
    args: &InitArgs,
    survey: &Survey,
    choices: &[Choice],
    wishes: &Wishes,
    header: &[String],
) -> Result<Settings, UsageError> {
    let folder = std::path::absolute(&args.dir).map_err(usage)?;
    let folder = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let record = RecordName::of_folder(folder.as_deref().unwrap_or_default());
    let target = survey
        .columns
        .iter()
        .find(|column| column.name == wishes.target);
    let is_positive = target
        .and_then(|column| column.range)
        .is_some_and(|(low, _)| low > 0.0);
    let key = match &wishes.key {
        Some(key) => Fields::new([]).choose(key),
        // Not the name of a column.
        None => Fields::new(header.iter().map(String::as_str)).choose("Row"),
    };
    let derived = [
        key.clone(),
        format!("{key}_Start"),
        format!("{key}_End"),
        pipeline::definition::capitalized(&record.one),
        format!("Actual{}", wishes.target),
        format!("Predicted{}", wishes.target),
        "Unseen".to_owned(),
    ];
    let mut fields = Fields::new(derived.iter().map(String::as_str));
    let columns: Vec<ColumnSettings> = choices
        .iter()
        .filter(|choice| choice.role.is_column())
        .map(|choice| ColumnSettings {
            name: choice.name.clone(),
            field: fields.choose(&choice.name),
            category: matches!(choice.role, Role::Category | Role::Grouped),
            positive: choice.role == Role::Target && is_positive,
        })
        .collect();
    let inputs = choices
        .iter()
        .filter(|choice| matches!(choice.role, Role::Number | Role::Category | Role::Grouped));
    let inputs: Vec<String> = inputs.map(|choice| choice.name.clone()).collect();
    let time = |index: usize| wishes.times.get(index).cloned();
    Ok(Settings {
        record,
        key,
        formula: match &args.formula {
            Some(formula) => formula.to_string(),
            None => formula(&wishes.target, &inputs)?,
        },
        group: args.group.as_ref().and(wishes.needed.last().cloned()),
        error: if is_positive {
            ErrorKind::Relative
        } else {
            ErrorKind::Absolute
        },
        columns,
        feed: FeedSettings {
            file: String::new(),
            key: wishes.key.clone(),
            skip: 0,
            measured_at: time(0),
            actual_at: time(1),
        },
    })
}

/// The definition of these settings, and the rows of the file as it sends them.
fn open(settings: &Settings, from: &Path) -> Result<(&'static Definition, Schedule), UsageError> {
    let definition = parsed(settings)?;
    let feed = definition.feed.as_ref();
    let rows = FeedRows::open(from, definition, feed).map_err(usage)?;
    let schedule = Schedule::read(rows, feed).map_err(usage)?;
    Ok((definition, schedule))
}

fn parsed(settings: &Settings) -> Result<&'static Definition, UsageError> {
    Ok(Definition::parse(&settings.text()).map_err(usage)?.leak())
}

fn check_rows(schedule: &Schedule, survey: &Survey, first: u16) -> Result<(), String> {
    let usable = schedule.count();
    if usable > u64::from(first) {
        return Ok(());
    }
    let all = survey.rows + survey.unusable.count();
    Err(format!(
        "{usable} of {all} rows can be used, and the first {first} train the first model: more rows are needed{}",
        match schedule.unusable().count() {
            0 => String::new(),
            _ => format!(". {}", schedule.unusable().to_string().replace('\n', "; ")),
        }
    ))
}

/// The rows of the first model as CSV, with the columns of the definition.
fn first_rows(definition: &Definition, rows: &[FeedRow]) -> Result<Vec<u8>, UsageError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(definition.columns().iter().map(|column| &column.name))
        .map_err(usage)?;
    for row in rows {
        let cells = row.cells.iter().map(|cell| match cell {
            None => String::new(),
            Some(Cell::Number(number)) => number.to_string(),
            Some(Cell::Level(level)) => level.clone(),
        });
        writer.write_record(cells).map_err(usage)?;
    }
    writer.into_inner().map_err(usage)
}

fn write(dir: &Path, files: &Files) -> Result<(), UsageError> {
    let failed = |path: &Path| {
        let shown = path.display().to_string();
        move |error: std::io::Error| UsageError(format!("{shown} cannot be written: {error}"))
    };
    fs::create_dir_all(dir).map_err(failed(dir))?;
    if let Some((from, to)) = &files.copy {
        fs::copy(from, to).map_err(failed(to))?;
    }
    for (path, text) in &files.texts {
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        fs::write(&path, text).map_err(failed(&path))?;
    }
    Ok(())
}

/// The choices, with the reasons why columns are not in the formula.
fn with_reasons(choices: Vec<Choice>, dropped: &[(String, String)]) -> Vec<Choice> {
    let reason = |choice: &Choice| dropped.iter().find(|(name, _)| *name == choice.name);
    choices
        .into_iter()
        .map(|choice| match reason(&choice) {
            Some((_, reason)) => Choice {
                content: format!("{}; {reason}", choice.content),
                ..choice
            },
            None => choice,
        })
        .collect()
}
