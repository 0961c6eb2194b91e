//! The command line.

use std::path::PathBuf;
use std::sync::Arc;

use fish_producer::simulation::Plan;
use fish_producer::simulation::config::share;
use model_server::training::RefineArgs;
use pipeline::EventTime;
use pipeline_folder::FolderArgs;

use crate::grid::Axis;
use crate::records::{Recorded, START, Seeds};

/// Settings of a backtest.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct BacktestArgs {
    /// The CSV file [default: the file of `[feed]` in pipeline.toml, without the rows of the first model]
    #[arg(value_name = "ROWS.csv", conflicts_with = "simulate")]
    pub file: Option<PathBuf>,

    /// Records that are read already. Not a flag: the program reads them from a cluster.
    #[arg(skip)]
    pub recorded: Option<Arc<Recorded>>,

    /// The pipeline.
    #[command(flatten)]
    pub folder: FolderArgs,

    /// SQL to compare; repeat it for several files [default: ksql/pipeline.sql in the pipeline's folder]
    #[arg(long, value_name = "FILE.sql")]
    pub sql: Vec<PathBuf>,

    /// Compare also variants of each SQL: all combinations of the values of size, advance, grace, threshold and
    /// count, such as size=20s,60s threshold=0.1,0.15
    #[arg(long, value_name = "SETTING=VALUES", num_args = 1..)]
    pub grid: Vec<Axis>,

    /// Simulated fish instead of rows, such as salmon:60,walleye:60,salmon:60; their drifts are known. In
    /// salmon*1.08:60, the scale shows 1.08 times the weight
    #[arg(long, value_name = "PLAN")]
    pub simulate: Option<Plan>,

    /// Share of the simulated fish that are weighed wrong: the scale shows half or twice the weight
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share, requires = "simulate")]
    pub misweighed: f64,

    /// The seeds of the simulated fish, both included. Their starts are spread evenly over the longest window
    /// [default: 1..200]
    #[arg(long, value_name = "FIRST..LAST", requires = "simulate")]
    pub seeds: Option<Seeds>,

    /// Event time of the first record, unless the file says it
    #[arg(long, default_value = START)]
    pub start_time: Option<EventTime>,

    /// The baseline that retrains without a trigger does so each time that this many rows are joined
    #[arg(long, default_value_t = 50, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    pub every: u64,

    /// When to train again after a trigger.
    #[command(flatten)]
    pub refine: RefineArgs,

    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Draw the figures as SVG: mean delay against false alarms if the drifts are known, else mean error
    /// against versions that went live
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
}
