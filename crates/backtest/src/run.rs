//! All rules and baselines over all records.

use std::sync::Arc;
use std::time::Duration;

use feed::Kind;
use model_server::Config;
use model_server::seed::first_version;
use pipeline::{Definition, EventTime};
use pipeline_folder::{Folder, PipelineSql};
use serde::Serialize;
use service_runtime::UsageError;

use crate::args::BacktestArgs;
use crate::drifts::{Drift, drifts};
use crate::grid;
use crate::hindsight::Sample;
use crate::records::{Input, START, Seeds};
use crate::replay::{Policy, Replay, Shared};
use crate::sql::StartSql;
use crate::summary::{Figures, Totals};

/// Progress is reported after this many records.
const REPORTED: u64 = 100;

/// The figures of all rules.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Backtest {
    /// The pipeline.
    #[serde(skip)]
    pub definition: &'static Definition,
    /// What the records are.
    pub input: String,
    /// How many independent series of records there are.
    pub series: u64,
    /// The rules, in the order of the command line.
    pub rules: Vec<Figures>,
    /// What would have happened without a rule: the first model, retraining at fixed intervals, and a model
    /// that is fitted to all rows.
    pub baselines: Vec<Figures>,
}

/// The caller stopped the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted before the end of the records: no figures")]
pub struct Stopped;

/// A script to run.
struct Rule {
    name: String,
    text: String,
    policy: Policy,
    totals: Totals,
}

/// Runs all rules over all records. `progress` is called now and then with the number of measured records;
/// it returns false to stop.
///
/// # Errors
/// A [`UsageError`] if the folder, the rows, an SQL file or the grid cannot be used; [`Stopped`]; any other error
/// if a query fails.
pub fn backtest(
    args: &BacktestArgs,
    start_sql: &StartSql<'_>,
    mut progress: impl FnMut(u64) -> bool,
) -> anyhow::Result<Backtest> {
    let folder = args.folder.open()?;
    let definition = folder.definition;
    if args.simulate.is_some() && definition != Definition::shipped() {
        let text = "--simulate: only the fish factory is simulated, and this folder is another pipeline; leave \
            --simulate out to run its rows";
        return Err(UsageError(text.to_owned()).into());
    }
    let first = first_version(&folder, None)?;
    let shared = Shared::new(
        definition,
        first,
        Config::default().training_rule(),
        args.refine.refine_at.clone(),
    )?;
    let mut rules = rules(args, &folder, start_sql)?;
    let input = input(args, &rules, definition)?;
    let known: Vec<Drift> = match &args.simulate {
        Some(plan) => drifts(plan, &shared.first.info.groups),
        None => Vec::new(),
    };
    let is_simulated = args.simulate.is_some();
    let mut hindsight = Hindsight::default();
    let mut done = 0;
    for series in 0..input.series() {
        let mut replays = Vec::with_capacity(rules.len());
        for rule in &rules {
            let sql = start_sql(&rule.text).map_err(anyhow::Error::msg)?;
            let mut replay = Replay::new(&shared, rule.policy, sql, is_simulated)?;
            replay.sample = (rule.policy == Policy::Never).then(Sample::default);
            replays.push(replay);
        }
        input.for_each(&folder, series, |record| {
            match record.kind {
                Kind::Measured => {
                    let measured = definition.read_measured(&record.value)?;
                    for replay in &mut replays {
                        replay.measured(record, &measured.inputs)?;
                    }
                    done += 1;
                    if done % REPORTED == 0 && !progress(done) {
                        return Err(Stopped.into());
                    }
                }
                Kind::Actual => {
                    for replay in &mut replays {
                        replay.actual(record)?;
                    }
                }
            }
            Ok(())
        })?;
        for (rule, replay) in rules.iter_mut().zip(replays) {
            rule.totals.add(&replay.course, &known);
            if let Some(sample) = replay.sample {
                hindsight.add(sample, definition, replay.course.joined);
            }
        }
    }
    let mut figures = Vec::new();
    let mut baselines = Vec::new();
    for rule in rules {
        let lines = match rule.policy {
            Policy::Triggers => grid::lines(&rule.text, &definition.topics.trigger),
            _ => Vec::new(),
        };
        let known = is_simulated && rule.policy == Policy::Triggers;
        let one = rule.totals.figures(rule.name, lines, known);
        if one.records == 0 {
            let text = format!(
                "{}: the SQL joined no row; check the topics and WITHIN of the join, for example with `catchweight check`",
                one.name
            );
            return Err(UsageError(text).into());
        }
        match rule.policy {
            Policy::Triggers => figures.push(one),
            _ => baselines.push(one),
        }
    }
    baselines.extend(hindsight.figures());
    Ok(Backtest {
        definition,
        input: described(args),
        series: input.series(),
        rules: figures,
        baselines,
    })
}

/// The files, then their variants, then the baselines.
fn rules(
    args: &BacktestArgs,
    folder: &Folder,
    start_sql: &StartSql<'_>,
) -> Result<Vec<Rule>, UsageError> {
    let topic = &folder.definition.topics.trigger;
    let mut files = Vec::new();
    for file in &args.sql {
        files.push(folder.sql(Some(file))?);
    }
    if files.is_empty() {
        files.push(folder.sql(None)?);
    }
    let rule = |name: String, text: &str, policy| Rule {
        name,
        text: text.to_owned(),
        policy,
        totals: Totals::default(),
    };
    let mut rules = Vec::new();
    for sql in &files {
        grid::window(sql.text(), topic).map_err(|error| sql.error(error))?;
        let started = start_sql(sql.text());
        started.map_err(|reason| sql.error(reason))?;
        rules.push(rule(
            name(sql, &files).to_owned(),
            sql.text(),
            Policy::Triggers,
        ));
    }
    if !args.grid.is_empty() {
        for sql in &files {
            let variants = grid::variants(sql.text(), topic, &args.grid);
            for variant in variants.map_err(|error| sql.error(error))? {
                start_sql(&variant.text)
                    .map_err(|reason| sql.error(format!("{}: {reason}", variant.name)))?;
                let name = match files.as_slice() {
                    [_] => variant.name,
                    _ => format!("{} {}", name(sql, &files), variant.name),
                };
                rules.push(rule(name, &variant.text, Policy::Triggers));
            }
        }
    }
    if let Some(sql) = files.first() {
        rules.push(rule("never retrain".to_owned(), sql.text(), Policy::Never));
        let every = format!("retrain every {} rows", args.every);
        rules.push(rule(every, sql.text(), Policy::Every(args.every)));
    }
    Ok(rules)
}

/// The name of the file, with its path if another file has the same name.
fn name<'f>(sql: &'f PipelineSql, files: &[PipelineSql]) -> &'f str {
    let name = |sql: &'f PipelineSql| sql.origin().rsplit('/').next().unwrap_or_default();
    let same =
        |other: &&PipelineSql| other.origin().rsplit('/').next().unwrap_or_default() == name(sql);
    match files.iter().filter(same).count() {
        1 => name(sql),
        _ => sql.origin(),
    }
}

fn input(
    args: &BacktestArgs,
    rules: &[Rule],
    definition: &Definition,
) -> Result<Input, UsageError> {
    let start = match args.start_time {
        Some(start) => start,
        None => START
            .parse::<EventTime>()
            .map_err(|error| UsageError(error.to_string()))?,
    };
    if let Some(recorded) = &args.recorded {
        return Ok(Input::Recorded(Arc::clone(recorded)));
    }
    Ok(match &args.simulate {
        None => Input::Rows {
            file: args.file.clone(),
            start,
        },
        Some(plan) => {
            let windows = rules.iter().filter_map(|rule| {
                grid::window(&rule.text, &definition.topics.trigger)
                    .ok()
                    .and_then(|window| u64::try_from(window.size).ok())
            });
            Input::Simulated {
                plan: plan.clone(),
                seeds: args.seeds.unwrap_or_default(),
                misweighed: args.misweighed,
                start,
                spread: Duration::from_millis(windows.max().unwrap_or(0)),
            }
        }
    })
}

fn described(args: &BacktestArgs) -> String {
    if let Some(recorded) = &args.recorded {
        return recorded.source.clone();
    }
    match (&args.simulate, &args.file) {
        (Some(plan), _) => {
            let seeds: Seeds = args.seeds.unwrap_or_default();
            let misweighed = match args.misweighed {
                0.0 => String::new(),
                share => format!(", {} % weighed wrong", share * 100.0),
            };
            format!("{plan}{misweighed}, seeds {seeds}")
        }
        (None, Some(file)) => file.display().to_string(),
        (None, None) => "the rows of the pipeline's folder".to_owned(),
    }
}

/// The errors of the best models in hindsight, each weighed with its number of rows.
#[derive(Default)]
struct Hindsight {
    error_sum: f64,
    records: u64,
    step: u64,
}

impl Hindsight {
    fn add(&mut self, sample: Sample, definition: &Definition, records: u64) {
        if let Some((error, step)) = sample.error(definition) {
            self.error_sum += error * records as f64;
            self.records += records;
            self.step = self.step.max(step);
        }
    }

    /// `None` if no model could be fitted.
    fn figures(&self) -> Option<Figures> {
        let rows = match self.step {
            1 => "all rows".to_owned(),
            step => format!("one of {step} rows"),
        };
        (self.records > 0).then(|| Figures {
            name: format!("in hindsight, leave-one-out on {rows}"),
            records: self.records,
            mean_error: Some(self.error_sum / self.records as f64),
            ..Figures::default()
        })
    }
}
