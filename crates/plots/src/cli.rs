//! The subcommand `plot`: a figure from a report's file.

use std::fs;
use std::path::{Path, PathBuf};

use report::Report;
use service_runtime::UsageError;

use crate::{Figure, Format, PlotError, Size, Theme};

/// Flags of the subcommand.
#[derive(Clone, Debug, clap::Args)]
pub struct PlotArgs {
    /// The report that `--report FILE` wrote
    pub report: PathBuf,

    /// Where to write the picture; its ending, .svg or .png, says in which form
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// What to draw
    #[arg(long, value_enum, default_value_t)]
    pub figure: Figure,

    /// Its colours
    #[arg(long, value_enum, default_value_t)]
    pub theme: Theme,

    /// Pixels across
    #[arg(long, default_value_t = Size::default().width())]
    pub width: u32,

    /// Pixels down
    #[arg(long, default_value_t = Size::default().height())]
    pub height: u32,
}

/// Draws what the command line says.
///
/// # Errors
/// A [`UsageError`] where the report cannot be read or drawn, where size or file name cannot be used,
/// or where the picture cannot be written there.
pub fn run(args: &PlotArgs) -> anyhow::Result<()> {
    let format = format(&args.output)?;
    let size = Size::new(args.width, args.height).map_err(|error| usage(&error))?;
    let report = read(&args.report)?;
    let bytes = args.figure.render(&report, format, args.theme, size);
    let bytes = bytes.map_err(|error| match error {
        PlotError::Value { .. } => UsageError(format!("{}: {error}", args.report.display())).into(),
        other => anyhow::Error::new(other),
    })?;
    fs::write(&args.output, &bytes).map_err(|error| {
        UsageError(format!(
            "--output {} cannot be written: {error}",
            args.output.display()
        ))
    })?;
    Ok(())
}

fn usage(error: &PlotError) -> UsageError {
    UsageError(error.to_string())
}

fn format(path: &Path) -> Result<Format, UsageError> {
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    match ending.as_deref().and_then(|ending| ending.to_str()) {
        Some("svg") => Ok(Format::Svg),
        Some("png") => Ok(Format::Png),
        _ => Err(UsageError(format!(
            "--output {}: name a file that ends in .svg or .png",
            path.display()
        ))),
    }
}

fn read(path: &Path) -> Result<Report, UsageError> {
    let shown = path.display();
    let bytes = fs::read(path)
        .map_err(|error| UsageError(format!("the report {shown} cannot be read: {error}")))?;
    let mut json = serde_json::Deserializer::from_slice(&bytes);
    let report = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        UsageError(format!(
            "{shown} is not a report as `--report FILE` writes it: {error}"
        ))
    })?;
    json.end()
        .map_err(|error| UsageError(format!("{shown} holds more than a report: {error}")))?;
    Ok(report)
}
